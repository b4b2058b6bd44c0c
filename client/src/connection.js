import { after } from "./after.js"
import { longest, verdict } from "./delay.js"
import { Fallback } from "./fallback.js"
import { follow } from "./page.js"

const handshake = 15_000
const settled = 10_000

/** @typedef {import("./websocket.js").Listener} Listener
 *  @typedef {import("./websocket.js").Transport} Transport
 *  @typedef {import("./websocket.js").Name} Name */

/** What a connection takes from the client.
 *  @typedef {object} Parts
 *  @property {(name: Name, listener: Listener) => Transport} open
 *  @property {(raw: unknown) => void} message throws where the server broke the protocol
 *  @property {import("./status.js").Status} status
 *  @property {typeof globalThis} page
 *  @property {() => void} refused the server does not let this user in */

/** The life of a page's connection: it returns for ever, until it is stopped or
 *  told to stay away. At any time there is at most one transport and one timer:
 *  with a transport the timer looks for silence, without one it waits to connect.
 *
 *  Whatever calls into the page (status, message, refused) comes last, because the
 *  page may call start and stop from there.
 *  @implements {Listener} */
export class Connection {
  #parts
  #fallback = new Fallback()
  #wanted = false
  #hidden = false
  #leave = () => {}

  /** @type {Transport | undefined} */
  #transport
  #cancel = () => {}
  #heard = 0
  #silence = handshake // how long nothing may arrive
  #greeted = 0 // when hello came, 0 before

  #attempt = 0
  #notBefore = 0
  #told = false // that the user was refused

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts
  }

  start() {
    if (this.#wanted) return
    this.#wanted = true
    this.#attempt = this.#notBefore = 0
    this.#told = false
    this.#leave = follow(this.#parts.page, this)
    this.wake()
  }

  stop() {
    this.#end()
    this.#close()
    this.#parts.status.set("offline")
  }

  /** Whether hello has come and the connection is not known to be dead. */
  get isOpen() {
    return this.#greeted > 0
  }

  get transport() {
    return this.#transport?.name
  }

  /** The server has let us in. It says something every `tick` seconds.
   *  @param {number} [tick] */
  greet(tick = 25) {
    this.#greeted = Date.now()
    this.#silence = tick * 2500
    this.#told = false
    if (this.transport === "websocket") this.#fallback.worked()
    this.#look()
    this.#parts.status.set("online")
  }

  /** Returns false if there is no connection.
   *  @param {object} body */
  send(body) {
    if (!this.isOpen) return false
    this.#transport?.send(body)
    return true
  }

  /** The page is looked at, or the network is back: wait no longer, and trust no
   *  timer, because the page may have slept. Only Retry-After is kept. */
  wake() {
    if (!this.#wanted || this.#hidden) return
    if (this.#transport) this.#look()
    if (this.#transport) return
    this.#attempt = 0
    this.#wait(this.#notBefore - Date.now())
  }

  /** The browser says that there is no network. It may be wrong, where the server
   *  runs on the same machine, so it is tried all the same, slowly. */
  offline() {
    if (!this.#transport) return
    this.#close()
    this.#wait(longest)
    this.#parts.status.set("offline")
  }

  /** The page is left, perhaps for the back/forward cache. */
  hide() {
    this.#hidden = true
    this.#close()
    this.#parts.status.hold()
  }

  show() {
    this.#hidden = false
    this.wake()
  }

  heard() {
    this.#heard = Date.now()
  }

  /** Stops in the middle of a frame when the page has stopped the connection: the
   *  cursor stands at the last message handled, and the rest comes again.
   *  @param {string} text */
  frame(text) {
    const transport = this.#transport
    this.heard()
    try {
      for (const raw of JSON.parse(text)) {
        this.#parts.message(raw)
        if (transport !== this.#transport) return
      }
    } catch (error) {
      console.error("pull:", error)
      this.ended({})
    }
  }

  /** @param {import("./delay.js").Ending} ending */
  ended(ending) {
    const { transport, isOpen } = this

    if (transport === "websocket" && !isOpen && !(Number(ending.code) >= 4000)) return this.#open("probe")
    if (transport === "probe" && ending.status === 426) this.#fallback.failed()
    if (transport === "sse" && !isOpen) this.#fallback.alternate()

    this.#close()

    const { stop, refused, wait, least } = verdict(ending, this.#attempt++)
    const news = refused && !this.#told
    this.#told ||= refused
    this.#notBefore = Date.now() + least
    if (stop) this.#end()
    else this.#wait(wait)
    this.#parts.status.set("offline")
    if (news) this.#parts.refused()
  }

  #connect() {
    this.#open(this.#fallback.choose() ? "websocket" : "sse")
    this.#parts.status.set("connect")
  }

  /** @param {Name} name */
  #open(name) {
    this.#close()
    this.heard()
    this.#silence = handshake
    this.#transport = this.#parts.open(name, this)
    this.#look()
  }

  #end() {
    this.#wanted = this.#hidden = false
    this.#leave()
  }

  #close() {
    if (this.isOpen && Date.now() - this.#greeted >= settled) this.#attempt = 0
    this.#cancel()
    this.#transport?.close()
    this.#transport = undefined
    this.#greeted = 0
  }

  /** Ends a connection on which nothing has arrived for too long, and a stream on
   *  which it is time to try a WebSocket again; else looks again later. */
  #look() {
    this.#cancel()
    const now = Date.now()
    this.#heard = Math.min(this.#heard, now) // somebody may have set the clock back
    const left = this.#heard + this.#silence - now
    if (left <= 0) return this.ended({})
    if (this.transport === "sse" && this.isOpen && this.#fallback.overdue) return this.#connect()
    this.#cancel = after(left, () => this.#look())
  }

  /** @param {number} ms */
  #wait(ms) {
    this.#cancel()
    this.#cancel = after(ms, () => this.#connect())
  }
}

import { slowly, spread, verdict } from "./delay.js"
import { Fallback } from "./fallback.js"
import { follow } from "./page.js"
import { attempts, handshake, leastSilence, settled } from "./patience.js"
import { Timer } from "./timer.js"

/** @typedef {import("./websocket.js").Listener} Listener
 *  @typedef {import("./websocket.js").Transport} Transport
 *  @typedef {import("./websocket.js").Name} Name
 *  @typedef {"AUTHORIZE_ERROR" | "CONNECT_ERROR" | "WATCH_ERROR" | "MESSAGE_ERROR"} Code */

/** What a connection takes from the client.
 *  @typedef {object} Parts
 *  @property {(name: Name, listener: Listener, opened: (transport: Transport) => void) => void} openTransport
 *    may call opened twice: what is closed in the place of a transport, and the transport
 *  @property {(raw: unknown) => void} receive throws where the server broke the protocol
 *  @property {(error: unknown) => void} broken the server broke the protocol
 *  @property {(code: Code, reason: string) => void} tellPage
 *  @property {(reason: string) => void} over the login is over
 *  @property {() => void} look the page is shown or hidden
 *  @property {() => void} leave the page is left, and what is sent now still leaves
 *  @property {import("./status.js").Status} status
 *  @property {typeof globalThis} page */

/** The life of a page's connection: it returns for ever, until it is stopped or
 *  told to stay away. At any time there is at most one transport and one timer:
 *  with a transport the timer ends silence, without one it waits to connect.
 *
 *  Whatever calls into the page (status, message, error) comes last, because the
 *  page may call start and stop from there.
 *  @implements {Listener} */
export class Connection {
  /** Whether hello has come and the connection is not known to be dead. */
  isOpen = false

  #parts
  #fallback = new Fallback()
  #wanted = false
  #leave = () => {}

  /** @type {Transport | undefined} */
  #transport
  #timer = new Timer()
  #silence = 0 // how long nothing may arrive

  #attempt = 0
  #settling = new Timer() // then attempts are counted anew
  #held = false // by Retry-After
  #told = "" // the last error since hello

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts
  }

  start() {
    if (this.#wanted) return
    this.#wanted = true
    this.#attempt = 0
    this.#told = ""
    this.#leave = follow(this.#parts.page, this)
    this.#wait(0)
  }

  stop() {
    this.#end()
    this.#close()
    this.#parts.status.set("offline")
  }

  get carrier() {
    return this.#transport?.name
  }

  /** The server has let us in. It says something every `tick` seconds.
   *  @param {number} tick */
  greet(tick) {
    this.isOpen = true
    this.#silence = Math.max(leastSilence, (tick > 0 ? tick : 25) * 2500)
    this.#settling.set(settled, () => (this.#attempt = 0))
    this.#told = ""
    if (this.carrier === "websocket") this.#fallback.worked()
    this.heard()
    this.#parts.status.set("online")
  }

  /** Returns false if there is no connection.
   *  @param {object} body */
  send(body) {
    if (!this.isOpen) return false
    this.#transport?.send(body)
    return true
  }

  /** The page is looked at: wait no longer, and trust no timer, because the page
   *  may have slept. A wait that the server has asked for is kept.
   *  @param {number} [wait] */
  wake(wait = 0) {
    if (!this.#wanted) return
    if (this.#transport || this.#held) this.#timer.wake()
    if (!this.#wanted) return
    this.#attempt = 0
    if (!this.#transport && !this.#held) this.#wait(wait)
  }

  /** The network is back, and all its pages are told in the same moment. */
  online() {
    this.wake(spread * Math.random())
  }

  offline() {
    this.#pause()
    this.#parts.status.set("offline")
  }

  /** The page is left, perhaps for the back/forward cache, where timers stand
   *  still. If it only seemed so, it comes back. */
  hide() {
    this.#parts.leave()
    this.#pause()
    this.#parts.status.hold()
  }

  look() {
    this.#parts.look()
  }

  /** Something has arrived: what may now be silent starts again. A stream on which
   *  it is time to try a WebSocket again gives way to it. */
  heard() {
    if (this.carrier === "sse" && this.isOpen && this.#fallback.overdue) return this.#connect()
    this.#timer.set(this.#silence, () => this.ended({ reason: "silence" }))
  }

  /** Stops in the middle of a frame when the page has stopped the connection: the
   *  cursor stands at the last message handled, and the rest comes again.
   *  @param {string} text */
  frame(text) {
    const transport = this.#transport
    this.heard()
    if (transport !== this.#transport) return
    try {
      for (const raw of JSON.parse(text)) {
        this.#parts.receive(raw)
        if (transport !== this.#transport) return
      }
    } catch (error) {
      this.ended({ reason: String(error) })
      this.#parts.broken(error)
    }
  }

  /** @param {import("./delay.js").Ending} ending */
  ended(ending) {
    const { carrier: transport, isOpen } = this

    if (ending.code === 4401) return this.#parts.over("session over")
    if (transport === "websocket" && !isOpen && !(Number(ending.code) >= 4000)) return this.#open("probe")
    if (transport === "probe" && ending.status === 426) this.#fallback.failed()
    const stuck = transport === "sse" && !isOpen
    if (stuck) this.#fallback.alternate()

    this.#close()

    const { stop, refused, pause, least } = verdict(ending, this.#attempt++)
    if (stop) this.#end()
    else this.#wait(least + pause)
    this.#held = least > 0
    this.#parts.status.set("offline")

    const { status, reason = "network" } = ending
    const hopeless = stuck && /** @type {number} */ (status) < 500 && !least // a network or a server may come back
    if (refused) this.#tell("AUTHORIZE_ERROR", reason)
    else if (!isOpen && (hopeless || this.#attempt >= attempts)) this.#tell("CONNECT_ERROR", reason)
  }

  #connect() {
    this.#open(this.#fallback.choose() ? "websocket" : "sse")
    this.#parts.status.set("connect")
  }

  /** @param {Name} name */
  #open(name) {
    this.#close()
    this.#silence = handshake
    this.heard() // first: an application's url that throws is a handshake that hangs
    this.#parts.openTransport(name, this, (transport) => (this.#transport = transport))
  }

  #end() {
    this.#wanted = false
    this.#leave()
  }

  #close() {
    this.#timer.unset()
    this.#settling.unset()
    this.#transport?.close()
    this.#transport = undefined
    this.isOpen = this.#held = false
  }

  #pause() {
    if (!this.#transport) return
    this.#close()
    this.#wait(slowly())
  }

  /** @param {number} ms */
  #wait(ms) {
    this.#timer.set(ms, () => this.#connect())
  }

  /** @param {Code} code
   *  @param {string} reason */
  #tell(code, reason) {
    if (this.#told === code) return
    this.#told = code
    this.#parts.tellPage(code, reason)
  }
}

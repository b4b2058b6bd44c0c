import { withQuery } from "./address.js"
import { Connection } from "./connection.js"
import { Cursor } from "./cursor.js"
import { customEvents } from "./customevents.js"
import { hooksOf } from "./hooks.js"
import { invalid } from "./invalid.js"
import { LastSeen } from "./lastseen.js"
import { kindOf, read } from "./message.js"
import { complete } from "./options.js"
import { Presence } from "./presence.js"
import { safely } from "./safely.js"
import { Stream } from "./sse.js"
import { Status } from "./status.js"
import { Subscriptions } from "./subscriptions.js"
import { header, tagRequests } from "./tagrequests.js"
import { Watch } from "./watch.js"
import { Socket } from "./websocket.js"

/** @typedef {import("./message.js").Message} Message */

/** Where a window keeps the client of its script tag. */
export const mark = Symbol.for("echo-pull")

/** A page's client: it keeps one connection to the server, and runs what the page
 *  has hooked to each message for it once and in order. */
export class Pull {
  static PullStatus = /** @type {const} */ ({ Online: "online", Offline: "offline", Connecting: "connect" })

  /** Revision never fires: it is known so that it is not taken for the default. */
  static SubscriptionType = /** @type {const} */ ({
    Server: "server",
    Client: "client",
    Online: "online",
    Status: "status",
    Revision: "revision",
  })

  #options
  #cursor
  #connection
  #status
  #watch
  #lastSeen
  #presence = new Presence()
  #events = customEvents(this)
  #subscriptions = new Subscriptions()
  #capture = false

  /** @param {import("./options.js").Options} options */
  constructor(options) {
    this.#options = complete(options)
    /** @param {object} body */
    const send = (body) => this.#connection.send(body)

    this.#cursor = new Cursor(options.cursor)
    this.#status = new Status((state) => this.#tellStatus(state))
    this.#watch = new Watch(this.#options.extendEvery * 1000, send)
    this.#lastSeen = new LastSeen(send)
    this.#connection = this.#newConnection()
  }

  /** Where the page stands in the server's log; empty before the first hello. */
  get cursor() {
    return String(this.#cursor)
  }

  get clientId() {
    return this.#options.client
  }

  /** Connects, and stays connected. Further calls change nothing.
   *  @returns {Promise<true>} */
  async start() {
    this.#connection.start()
    return true
  }

  /** Disconnects; start goes on where this page was. */
  stop() {
    this.#watch.stop()
    this.#connection.stop()
  }

  isConnected() {
    return this.#connection.isOpen
  }

  /** Calls back for messages; see pull.d.ts for the forms.
   *  @param {unknown} form
   *  @returns {() => void} */
  subscribe(form) {
    return this.#subscriptions.add(form)
  }

  /** Calls back for "status" (state), "gap" (), "error" (code), "message",
   *  "client" and "online" (message).
   *  @param {string} name
   *  @param {(...args: any[]) => void} listener
   *  @returns {() => void} */
  on(name, listener) {
    this.#events.addCustomEvent(name, listener)
    return () => this.#events.removeCustomEvent(name, listener)
  }

  /** What a request needs so that the server knows the page it came from. */
  headers() {
    return { [header]: this.clientId }
  }

  tagRequests() {
    return tagRequests(this.#options.page, this.clientId)
  }

  /** Keeps a watch alive that the server granted this user.
   *  @param {string} tag
   *  @param {boolean} [force]
   *  @returns {false | undefined} false for no tag, or one that is kept already */
  extendWatch(tag, force) {
    return tag ? this.#watch.add(String(tag), force) : false
  }

  /** @param {string} tag */
  clearWatch(tag) {
    this.#watch.delete(String(tag))
  }

  /** @param {import("./presence.js").UserId} userId
   *  @param {import("./presence.js").StatusCallback} callback */
  subscribeUserStatusChange(userId, callback) {
    this.#presence.add(userId, callback)
  }

  /** @param {import("./presence.js").UserId} userId
   *  @param {import("./presence.js").StatusCallback} [callback] */
  unsubscribeUserStatusChange(userId, callback) {
    this.#presence.delete(userId, callback)
  }

  /** Seconds since users were last online: 0 is now, users never seen are left out.
   *  @param {import("./presence.js").UserId[]} ids */
  getUsersLastSeen(ids) {
    return this.#lastSeen.ask(ids.map(String))
  }

  /** Shows every message in the console. */
  capturePullEvent(flag = true) {
    this.#capture = flag
  }

  getDebugInfo() {
    const { url, user, platform } = this.#options
    return {
      url: String(url),
      user,
      platform,
      client: this.clientId,
      cursor: this.cursor,
      status: this.#status.current,
      transport: this.#connection.transport,
      watches: this.#watch.tags,
    }
  }

  #newConnection() {
    const { url, client, WebSocket, page } = this.#options

    return new Connection({
      open: (name, listener) => {
        const connect = withQuery(url, client, this.cursor)
        if (name === "websocket") return new Socket(connect, listener, WebSocket)
        return new Stream(name, connect, listener, this.#options)
      },
      message: (raw) => this.#receive(read(raw, Date.now())),
      status: this.#status,
      page,
      refused: () => this.#tell("error", "onPullError", "AUTHORIZE_ERROR"),
    })
  }

  /** The cursor moves before the hooks run. They run to their end in this task, so
   *  a page that is torn down meanwhile has not lost the message; moved afterwards,
   *  a hook that stops and starts the client, or leaves the page for the
   *  back/forward cache, would see the same message again.
   *  @param {Message} message */
  #receive(message) {
    const { platform } = this.#options
    const { id, command } = message
    const kind = kindOf(message)
    if (kind === "control") return this.#control(message)
    if (!this.isConnected()) throw invalid("message", command)
    if (id !== undefined && !this.#cursor.take(id)) return
    if (this.#capture) console.info("pull:", message)

    for (const [name, args] of hooksOf(platform, kind, message)) this.#hook(name, args)
    this.#subscriptions.message(kind, message)
    if (kind === "online") this.#presence.message(message)
    this.#emit(kind === "server" ? "message" : kind, message)
  }

  /** Commands of the protocol never reach the page; unknown ones are of a later version.
   *  @param {Message} message */
  #control({ command, params }) {
    if (command === "hello") this.#hello(params)
    if (command === "tick") this.#cursor.tick(params.offset)
    if (command === "watch") this.#watch.answered(params)
    if (command === "seen") this.#lastSeen.answered(params)
  }

  /** @param {any} hello */
  #hello(hello) {
    const gap = this.#cursor.hello(hello)
    this.#connection.greet(hello.tick)
    this.#watch.schedule()
    this.#lastSeen.next()
    if (gap) this.#tell("gap", "onPullGap")
  }

  /** @param {string} name
   *  @param {string} hook
   *  @param {string[]} args */
  #tell(name, hook, ...args) {
    this.#hook(hook, args)
    this.#emit(name, ...args)
  }

  /** @param {import("./status.js").State} state */
  #tellStatus(state) {
    this.#hook("onPullStatus", [this.#options.platform === "mobile" ? { status: state, additional: {} } : state])
    this.#subscriptions.status(state)
    this.#emit("status", state)
  }

  /** Hooks run where the page has BX: the real one, or the names of pull.js. They
   *  are the page's, so where the script tag has made a client no other runs them,
   *  or every handler would hear everything twice. BX stops at a handler that
   *  throws, so each hook is run for itself.
   *  @param {string} name
   *  @param {unknown[]} args */
  #hook(name, args) {
    const page = /** @type {any} */ (this.#options.page)
    if ((page[mark] ?? this) === this) safely(() => page.BX?.onCustomEvent(page, name, args, true))
  }

  /** @param {string} name
   *  @param {unknown[]} args */
  #emit(name, ...args) {
    this.#events.onCustomEvent(name, args, true)
  }
}

import { withQuery } from "./address.js"
import { Connection } from "./connection.js"
import { Cursor } from "./cursor.js"
import { ofDocument } from "./genuine.js"
import { invalid } from "./invalid.js"
import { LastSeen } from "./lastseen.js"
import { kindOf, read } from "./message.js"
import { complete } from "./options.js"
import { Presence } from "./presence.js"
import { push } from "./push.js"
import { safely } from "./safely.js"
import { Sends } from "./sends.js"
import { Session } from "./session.js"
import { Stream } from "./sse.js"
import { Status } from "./status.js"
import { Subscriptions } from "./subscriptions.js"
import { tabSocket } from "./tabsocket.js"
import { header, tagRequests } from "./tagrequests.js"
import { buy } from "./ticket.js"
import { Watch } from "./watch.js"
import { Socket } from "./websocket.js"

/** @typedef {import("./message.js").Message} Message */

/** Where a window keeps the client of its script tag, and where this client takes
 *  what a later tag says. */
export const mark = Symbol.for("echo-pull")

/** What pull-html.mjs calls, which is a bundle of its own. */
export const plug = Symbol.for("echo-pull html")

/** A page's client: it keeps one connection to the server, and calls what the page
 *  has subscribed to each message for it once and in order. */
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

  // #begin sets these.
  /** @type {any} */
  #options
  /** @type {any} */
  #cursor
  /** @type {any} */
  #watch
  /** @type {any} */
  #session
  #status = new Status((state) => this.#tellStatus(state))
  #connection
  #lastSeen = new LastSeen((body) => this.#connection.send(body))
  #presence = new Presence()
  #sends = new Sends((body) => this.#connection.send(body))
  #subscriptions = new Subscriptions()
  #capture = false
  /** @type {(address: URL, whose: object) => void} */
  #handshake = () => {}
  #sendsPush = false // the server, by its last hello
  /** The server's clock in ms, which the device's may differ from by hours. */
  #now = clockFrom(Date.now())

  /** Notifications of this browser. */
  push = {
    state: () => push(this.#options, "state"),
    enable: (/** @type {import("../pull.js").PushOptions} */ options) => push(this.#options, "enable", options),
    disable: () => push(this.#options, "disable"),
  }

  /** @param {import("./options.js").Options} options */
  constructor(options) {
    this.#begin(options)
    this.#connection = this.#newConnection(this.#options.page)
  }

  /** A later script tag in the same window, where navigation does not reload the
   *  page. For another user or another mount all begins again but what the page has
   *  hooked; a tag without a url connects nobody.
   *  @param {any} tag its options, with a user and a url */
  [mark](tag) {
    const { url, user } = this.#options
    const next = complete({ ...this.#options, client: "", cursor: "", ...tag })
    if (next.url?.href === url?.href && next.user === user) return

    this.stop()
    this.#lastSeen.end()
    this.#begin(next)
  }

  /** Takes what adds to the address of each handshake (whose: another object for another user
   *  or mount), and returns what only the client can do. Beside that, "control" calls back for each control message
   *  (command, params), and "leave" before the connection is closed because the page is left.
   *  @param {(address: URL, whose: object) => void} handshake
   *  @returns {import("./html/connect.js").Plug} */
  [plug](handshake) {
    this.#handshake = handshake
    return [(body) => this.#connection.send(body), (...args) => this.#emit(...args), this.#options.extendEvery * 1000]
  }

  /** @param {import("./options.js").Options} options */
  #begin(options) {
    const own = (this.#options = complete(options))
    own.send = (body) => own === this.#options && this.#sendsPush && this.#connection.send(body)
    this.#cursor = new Cursor(this.#options.cursor)
    this.#watch = new Watch(
      this.#options.extendEvery * 1000,
      (body) => this.#connection.send(body),
      (reason) => this.#emit("error", "WATCH_ERROR", reason),
    )
    this.#session = new Session(own, (refused) => (refused ? this.#over(refused) : this.#emit("control", "renewed")))
  }

  /** Where the page stands in the server's log; null before the first hello.
   *  @returns {string | null} */
  get cursor() {
    return String(this.#cursor) || null
  }

  get clientId() {
    return this.#options.client
  }

  /** Connects, and stays connected. Further calls change nothing.
   *  @returns {Promise<true>} */
  async start() {
    if (this.#options.url) this.#connection.start()
    return true
  }

  /** Disconnects; start goes on where this page was. */
  stop() {
    this.#watch.stop()
    this.#session.stop()
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

  /** Calls back for "status" (state), "gap" (), "error" (code, reason), "message",
   *  "client" and "online" (message), "session" ().
   *  @param {string} name
   *  @param {(...args: any[]) => void} listener
   *  @returns {() => void} */
  on(name, listener) {
    return this.#subscriptions.add({ type: `on ${name}`, callback: listener })
  }

  /** Sends a message to the pages of other users, if the module permits it. It rejects with
   *  an error whose code says why it was not sent.
   *  @param {import("./sends.js").Target} target
   *  @param {string} module
   *  @param {string} command
   *  @param {unknown} [params]
   *  @param {{ expiry?: number }} [options] in seconds
   *  @returns {Promise<void>} */
  send(target, module, command, params = {}, { expiry = 10 } = {}) {
    return this.#sends.put(target, module, command, params, expiry)
  }

  /** What a request needs so that the server knows the page it came from. */
  headers() {
    return { [header]: this.clientId }
  }

  tagRequests() {
    return tagRequests(this.#options.page, () => this.clientId)
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

  /** The user has read what the notifications with this tag are about.
   *  @param {string} tag */
  read(tag) {
    this.#push("read", tag)
  }

  /** @param {import("./presence.js").UserId} userId
   *  @param {import("./presence.js").StatusCallback} callback
   *  @returns {Promise<void>} */
  async subscribeUserStatusChange(userId, callback) {
    this.#presence.add(userId, callback)
  }

  /** @param {import("./presence.js").UserId} userId
   *  @param {import("./presence.js").StatusCallback} [callback] */
  unsubscribeUserStatusChange(userId, callback) {
    this.#presence.delete(userId, callback)
  }

  /** Seconds since users were last online: 0 is now, users never seen are left out.
   *  @param {import("./presence.js").UserId | import("./presence.js").UserId[]} ids */
  getUsersLastSeen(ids) {
    return this.#lastSeen.ask([ids].flat().map(String))
  }

  /** Shows every message in the console. */
  capturePullEvent(flag = true) {
    this.#capture = flag
  }

  getDebugInfo() {
    const { url, user, platform } = this.#options
    return {
      url: url && String(url),
      user,
      platform,
      client: this.clientId,
      cursor: this.cursor,
      status: this.#status.current,
      transport: this.#connection.carrier,
      watches: this.#watch.tags,
    }
  }

  /** @param {typeof globalThis} page */
  #newConnection(page) {
    return new Connection({
      openTransport: (name, listener, opened) => {
        const options = this.#options
        const open = (/** @type {string} */ ticket) => {
          const { cursor } = this
          // A handshake says where the page is from, a request to the same site does not.
          const origin = name === "probe" ? page.location?.origin : ""
          const connect = withQuery(options.url, { client: options.client, cursor, protocol: "2", origin, ticket })
          this.#handshake(connect, options)
          try {
            if (name === "websocket") return opened(new Socket(connect, listener, options.shared ? tabSocket(options) : options.WebSocket))
          } catch {}
          opened(new Stream(name === "probe" ? name : "sse", connect, listener, options, (body, reason) => this.#failed(body, reason)))
        }
        if (options.token) opened(buy(options, listener, open))
        else open("")
      },
      receive: (raw) => this.#handle(raw),
      broken: (error) => {
        this.#cursor.lose() // or the same would be sent again
        this.#report(error)
      },
      tellPage: (code, reason) => this.#emit("error", code, reason),
      over: (reason) => this.#over(reason),
      look: () => this.#look(),
      leave: () => this.#emit("leave"),
      status: this.#status,
      page,
    })
  }

  /** A message that cannot be handled would come again and again, if the cursor
   *  stayed before it.
   *  @param {any} raw */
  #handle(raw) {
    try {
      this.#receive(read(raw, this.#now()))
    } catch (error) {
      if (!this.isConnected() || raw?.module_id === "pull") throw error
      safely(() => this.#cursor.advance(raw.id ?? raw[0]))
      this.#report(error)
      this.#emit("gap")
    }
  }

  /** @param {unknown} error */
  #report(error) {
    console.error("pull:", error)
    this.#emit("error", "MESSAGE_ERROR", String(error))
  }

  /** The cursor moves before the hooks run. They run to their end in this task, so
   *  a page that is torn down meanwhile has not lost the message; moved afterwards,
   *  a hook that stops and starts the client, or leaves the page for the
   *  back/forward cache, would see the same message again.
   *  @param {Message} message */
  #receive(message) {
    const { id, command } = message
    const kind = kindOf(message)
    if (kind === "control") return this.#control(message)
    if (!this.isConnected()) throw invalid("message", command)
    if (id !== undefined && !this.#cursor.advance(id)) return
    if (this.#capture) console.info("pull:", message)

    this.#emit(kind === "server" ? "message" : kind, message)
    this.#subscriptions.receive(kind, message)
    if (kind === "online") this.#presence.receive(message)
  }

  /** Commands of the protocol never reach the page; unknown ones are of a later version.
   *  @param {Message} message */
  #control({ command, params }) {
    if (command === "hello") this.#hello(params)
    if (command === "tick") this.#cursor.tick(params)
    if (command === "watch") this.#watch.answered(params)
    if (command === "seen") this.#lastSeen.answered(params)
    if (command === "sent") this.#sends.answered(params)
    if (command === "session") this.#session.renew()
    if (command === "withdraw") this.#push(command, params.tag)
    this.#emit("control", command, params)
  }

  /** A page that was rendered for one user gets nothing that is another's, who has
   *  logged in meanwhile. A page may write an id as a number.
   *  @param {any} hello */
  #hello(hello) {
    const { user } = this.#options
    if (user != undefined && user != hello.user) return this.#over("another user")
    if (!this.isConnected()) this.#session.hello(hello.user)
    const gap = this.#cursor.hello(hello)
    const { server_time_unix, tick } = hello
    this.#sendsPush = hello.push
    if (server_time_unix > 0) this.#now = clockFrom(server_time_unix * 1000)
    this.#connection.greet(tick)
    this.#watch.wake()
    this.#lastSeen.askFirst()
    if (hello.push) this.#push("hello", hello.user)
    this.#look()
    if (gap) this.#emit("gap")
  }

  /** The login is over, or it is another user's: the page stays away until it starts again.
   *  @param {string} reason */
  #over(reason) {
    this.stop()
    this.#emit("error", "AUTHORIZE_ERROR", reason)
    this.#emit("session")
  }

  /** Tells a server that sends notifications whether the page is looked at. A worker
   *  is not. A page that is frozen or left is hidden before. */
  #look() {
    const { document } = this.#options.page
    if (document) this.#options.send?.({ looking: !ofDocument(document, "hidden") })
  }

  /** A request of a stream has failed.
   *  @param {any} body
   *  @param {string} reason */
  #failed({ extend, send }, reason) {
    if (extend) this.#watch.failed(reason)
    if (send) this.#sends.answered({ n: send.n, state: "offline" })
  }

  /** What fails has no effect: nothing but notifications depends on it.
   *  @param {"hello" | "read" | "withdraw"} name
   *  @param {string} given a tag, or the user who is connected */
  #push(name, given) {
    push(this.#options, name, given).catch(() => {})
  }

  /** @param {import("./status.js").State} state */
  #tellStatus(state) {
    this.#emit("status", state)
    const about = { type: "status" }
    this.#subscriptions.tell(about, { status: state }, about)
  }

  /** @param {string} name
   *  @param {unknown[]} args */
  #emit(name, ...args) {
    this.#subscriptions.tell({ type: `on ${name}` }, ...args)
  }
}

/** A clock that shows `ms` now, and goes on whatever the device's is set to.
 *  @param {number} ms */
function clockFrom(ms) {
  const ahead = ms - performance.now()
  return () => ahead + performance.now()
}

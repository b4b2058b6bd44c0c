/** @typedef {"online" | "connect" | "offline" | 401 | 403} Mode what happens to a page that connects
 *  @typedef {{ onmessage: Function | null, onclose: Function | null }} Handlers */

/** The server of one page, with a log of its own, as far as its client can tell. It speaks the
 *  protocol over a WebSocket that is an object. Everything happens in the call that causes it. */
export class FakeServer {
  /** @type {Mode} */
  mode = "online"
  /** Whom it knows the page as. */
  user
  WebSocket
  /** The messages that the page has sent to other pages.
   *  @type {import("../../testing.js").SentMessage[]} */
  sent = []
  /** What becomes of them.
   *  @type {import("../../testing.js").SendState} */
  sending = "ok"

  #epoch
  #offset
  /** Each event with an offset, as it is sent.
   *  @type {[id: number, ...rest: unknown[]][]} */
  #log = []
  #lost = 0 // what came up to here cannot be replayed
  /** How many seconds ago a user was online.
   *  @type {Map<string, number>} */
  #seen = new Map()
  /** @type {InstanceType<this["WebSocket"]> | undefined} */
  #socket
  /** What is to be sent, after the first, which is being sent.
   *  @type {(() => void)[]} */
  #waiting = []

  /** @param {{ cursor?: string | null, user?: string | number }} options */
  constructor({ cursor, user = "" }) {
    const [, epoch = "fake", offset = 0] = /^(.+)\.(\d+)$/s.exec(cursor ?? "") ?? []
    this.#epoch = epoch
    this.#offset = Number(offset)
    this.user = String(user)
    this.WebSocket = socketsOf(this)
  }

  /** @param {InstanceType<this["WebSocket"]>} socket */
  opened(socket) {
    this.#socket = socket
    queueMicrotask(() => this.#socket === socket && this.accept())
  }

  /** Lets in the page whose handshake waits, or refuses it.
   *  @returns {boolean} false if none waits */
  accept() {
    const socket = this.#socket
    if (!socket || socket.isGreeted || !socket.onmessage) return false
    if (this.mode === "offline") this.drop({ reason: "network" })
    else if (this.mode !== "connect" && this.mode !== "online") this.drop({ status: this.mode, reason: `status ${this.mode}` })
    else if (this.mode === "online") this.#greet(socket)
    return true
  }

  /** Ends the connection. 4000 is a code without a meaning of its own: the client need not ask why.
   *  @param {{ code?: number, status?: number, reason?: string }} ending */
  drop(ending) {
    this.#socket?.onclose?.({ code: 4000, ...ending })
  }

  /** Adds to the log, and sends it to a page that is connected.
   *  @param {string} module
   *  @param {string} command
   *  @param {any} params
   *  @param {object} [extra] */
  event(module, command, params, extra) {
    if (module === "online") return this.#presence(command, params)
    const one = [this.#offset + 1, Date.now(), `${module}:${command}`, params, ...(extra ? [extra] : [])]
    this.#log.push(JSON.parse(JSON.stringify(one)))
    this.#offset++
    this.#say(this.#log.at(-1))
  }

  /** A message of another page, which is in no log.
   *  @param {string} from
   *  @param {string} module
   *  @param {string} command
   *  @param {unknown} params */
  message(from, module, command, params) {
    this.#say(JSON.parse(JSON.stringify([0, Date.now(), `${module}:${command}`, params, { sender: { type: 1, id: from } }])))
  }

  /** Something is lost for the page. */
  gap() {
    this.#lost = ++this.#offset
    this.#say(this.#hello(false))
  }

  /** Messages of module online are in no log.
   *  @param {string} command
   *  @param {any} params */
  #presence(command, params) {
    for (const id of Object.keys(params.USERS ?? {})) this.#seen.set(id, 0)
    if (params.USER_ID !== undefined) params = { ...params, USER_ID: String(params.USER_ID) }
    if (params.USER_ID !== undefined) this.#seen.set(params.USER_ID, command === "user_online" ? 0 : 1)
    this.#say({ module_id: "online", command, params, extra: { server_time_unix: Date.now() / 1000 } })
  }

  /** @param {InstanceType<this["WebSocket"]>} socket */
  #greet(socket) {
    socket.isGreeted = true
    const query = socket.url.searchParams
    const [, epoch, offset] = /^(.+)\.(\d+)$/s.exec(query.get("cursor") ?? "") ?? []
    const recovered = epoch === this.#epoch && Number(offset) >= this.#lost
    const missed = recovered ? this.#log.filter(([id]) => id > Number(offset)) : []
    const grants = query.getAll("watch")
    this.#say(this.#hello(recovered), ...missed, ...(grants.length ? [granted(grants)] : []))
  }

  /** @param {boolean} recovered */
  #hello(recovered) {
    const params = { protocol: 2, epoch: this.#epoch, offset: this.#offset, user: this.user, recovered, tick: 25 }
    return control("hello", { ...params, server_time_unix: Date.now() / 1000 })
  }

  /** What a callback causes comes when all callbacks have run for what they were called for.
   *  @param {unknown[]} messages */
  #say(...messages) {
    const socket = this.#socket
    if (!socket?.isGreeted) return
    this.#waiting.push(() => socket.onmessage?.({ data: JSON.stringify(messages) }))
    if (this.#waiting.length > 1) return
    for (; this.#waiting.length; this.#waiting.shift()) this.#waiting[0]()
  }

  /** A request of the client.
   *  @param {{ extend?: string[], seen?: string[], watch?: string[], send?: any }} request */
  asked({ extend, seen, watch, send }) {
    if (extend) this.#say(control("watch", Object.fromEntries(extend.map((tag) => [tag, true]))))
    if (seen) this.#say(control("seen", Object.fromEntries(seen.filter((id) => this.#seen.has(id)).map((id) => [id, this.#seen.get(id)]))))
    if (watch) this.#say(granted(watch))
    if (!send) return
    const { n, users, tag, module, command, params, expiry } = send
    this.sent.push({ target: users ?? { tag }, module, command, params, expiry })
    this.#say(control("sent", { n, state: this.sending }))
  }
}

/** @param {string} command
 *  @param {object} params */
const control = (command, params) => ({ module_id: "pull", command, params })

/** @param {string[]} grants */
const granted = (grants) => control("grants", Object.fromEntries(grants.map((grant) => [grant, { state: "ok", grant }])))

/** What the client opens instead of a WebSocket.
 *  @param {FakeServer} server */
const socketsOf = (server) =>
  class {
    isGreeted = false
    /** @type {Function | null} */
    onmessage = null
    /** @type {Function | null} */
    onclose = null
    /** @type {Function | null} */
    onerror = null

    /** @param {string | URL} url */
    constructor(url) {
      this.url = new URL(url)
      server.opened(this)
    }

    /** @param {string} text */
    send(text) {
      server.asked(JSON.parse(text))
    }

    close() {}
  }

import { runHooks } from "../hooks.js"
import { Pull } from "../pull.js"
import { FakeServer } from "./fakeserver.js"

/** The client with a server that does what a test says. No time passes: each call returns when
 *  the callbacks have run. */
export class FakePull extends Pull {
  #server
  /** Whether the application wants a connection, once it has said so.
   *  @type {boolean | undefined} */
  #wanted

  /** @param {Partial<import("../options.js").Options>} [options] */
  constructor({ page = globalThis, ...options } = {}) {
    const server = new FakeServer(options)
    const { WebSocket } = server
    const fetch = () => new Promise(() => {}) // everything works without it
    const fake = { ...options, url: "https://pull.invalid", token: null, headers: undefined, page, WebSocket, fetch }
    super(/** @type {any} */ (fake))
    this.#server = server
    if (/** @type {any} */ (page).BX?.onCustomEvent) runHooks(page, this)
  }

  /** @override */
  start() {
    this.#wanted = true
    const started = super.start()
    this.#server.accept()
    return started
  }

  /** @override */
  stop() {
    this.#wanted = false
    super.stop()
  }

  /** @param {string} module
   *  @param {string} command
   *  @param {unknown} [params]
   *  @param {object} [extra] */
  event(module, command, params = {}, extra) {
    this.#begin()
    this.#server.event(module, command, params, extra)
  }

  /** @param {string | number} user
   *  @param {string} module
   *  @param {string} command
   *  @param {unknown} [params] */
  client(user, module, command, params = {}) {
    this.#begin()
    this.#server.message(String(user), module, command, params)
  }

  get sent() {
    return this.#server.sent
  }

  get sending() {
    return this.#server.sending
  }

  set sending(state) {
    this.#server.sending = state
  }

  gap() {
    this.#begin()
    this.#server.gap()
  }

  /** @param {"online" | "connect" | "offline"} state */
  status(state) {
    this.#server.mode = state
    if (state !== "online") this.#server.drop({ reason: "network" })
    if (state !== "offline") this.#reconnect()
  }

  /** @param {401 | 403} [status] */
  refuse(status = 403) {
    this.#server.mode = status
    this.#server.drop({ status, reason: `status ${status}` })
    if (status === 403 && this.#wanted) this.#wanted = false // the client has stopped
  }

  endSession() {
    this.#begin()
    this.#server.drop({ code: 4401 })
  }

  /** @param {string | number} user */
  login(user) {
    this.#server.user = String(user)
    this.#server.drop({ reason: "network" })
    this.#reconnect()
  }

  /** For a test whose application never starts the client. */
  #begin() {
    if (this.#wanted === undefined) this.start()
  }

  /** As the client does after a pause. */
  #reconnect() {
    this.#begin()
    if (!this.#wanted || this.isConnected() || this.#server.accept()) return
    super.stop()
    this.start()
  }
}

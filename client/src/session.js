import { renewal } from "./patience.js"
import { ask, noToken } from "./request.js"
import { Timer } from "./timer.js"

/** Renews the login of a connection when the server asks for it, with a request that passes the
 *  application's own login. Without an answer the server ends the connection in time. */
export class Session {
  #options
  #done
  #user = ""
  #timer = new Timer()
  #end = () => {}

  /** @param {import("./sse.js").Endpoint} options
   *  @param {(refused?: string) => void} done the login is renewed, or over and why */
  constructor(options, done) {
    this.#options = options
    this.#done = done
  }

  /** A connection has begun, with a login of its own.
   *  @param {string} user */
  hello(user) {
    this.stop()
    this.#user = user
  }

  /** What fails without being refused is tried again after 1, 2, 4 … seconds; what hangs, after ten. */
  renew(attempt = 0) {
    this.stop()
    const { client } = this.#options
    const again = () => this.renew(attempt + 1)
    this.#timer.set(renewal, again)
    this.#end = ask(
      this.#options,
      "/session",
      { client },
      ({ user = "" }) => {
        this.stop()
        this.#done(user === this.#user ? "" : "another user")
      },
      ({ status, reason }) => {
        if (status === 401 && reason !== noToken) this.#done(reason)
        else this.#timer.set(1000 * 2 ** attempt, again)
      },
    )
  }

  stop() {
    this.#timer.unset()
    this.#end()
  }
}

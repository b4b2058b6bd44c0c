import { withQuery } from "../address.js"
import { Connection } from "../connection.js"
import { Stream } from "../sse.js"
import { Status } from "../status.js"
import { Socket } from "../websocket.js"

/** @typedef {import("../delay.js").Ending} Ending */

/** What the one connection takes from the worker.
 *  @typedef {object} Owner
 *  @property {() => { cursor: string, watch: string[] }} position where it begins
 *  @property {(raw: any) => void} receive a message
 *  @property {() => void} framed a frame has been received
 *  @property {(text: string) => void} broken a frame that cannot be read
 *  @property {(ending: Ending) => void} lost */

/** The one connection of all tabs. It waits like that of a page, and ends its wait when a tab comes. */
export class Upstream extends Connection {
  #owner

  /** @param {typeof globalThis} scope of the worker
   *  @param {import("../sse.js").Endpoint & { url: URL }} endpoint
   *  @param {Owner} owner */
  constructor(scope, endpoint, owner) {
    super({
      openTransport: (name, listener, opened) => {
        const { url, client } = endpoint
        const { cursor, watch } = owner.position()
        const connect = withQuery(url, { client, cursor, protocol: "2", origin: name === "probe" ? scope.location.origin : "" })
        for (const grant of watch) connect.searchParams.append("watch", grant)
        try {
          if (name === "websocket") return opened(new Socket(connect, listener, scope.WebSocket))
        } catch {}
        opened(new Stream(name === "probe" ? name : "sse", connect, listener, endpoint, () => {})) // the tabs repeat what has no answer
      },
      receive: owner.receive,
      broken() {},
      tellPage() {},
      over: () => this.stop(),
      look() {},
      leave() {},
      status: new Status(() => {}),
      page: scope,
    })
    this.#owner = owner
  }

  /** @param {string} text */
  frame(text) {
    if (!isJSON(text)) this.#owner.broken(text)
    super.frame(text)
    this.#owner.framed()
  }

  /** @param {Ending} ending */
  ended(ending) {
    super.ended(ending)
    if (!this.carrier) this.#owner.lost(ending)
  }
}

/** @param {string} text */
function isJSON(text) {
  try {
    return Array.isArray(JSON.parse(text))
  } catch {
    return false
  }
}

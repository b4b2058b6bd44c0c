import { scheme } from "./address.js"
import { encode } from "./encode.js"

/** What a transport tells, until it is closed or has told that it ended.
 *  frame: a JSON array of messages arrived. heard: anything else did.
 *  @typedef {{ heard(): void, frame(text: string): void, ended(ending: import("./delay.js").Ending): void }} Listener */

/** @typedef {"websocket" | "sse" | "probe"} Name */

/** What a connection needs of a transport. One without a ticket is none yet.
 *  @typedef {{ name: Name | "ticket", send(body: object): void, close(): void }} Transport */

/** One WebSocket connection.
 *  @implements {Transport} */
export class Socket {
  name = /** @type {const} */ ("websocket")
  #socket

  /** Throws where WebSocket is missing or a policy forbids it.
   *  @param {URL} url
   *  @param {Listener} listener
   *  @param {typeof globalThis.WebSocket} WebSocket */
  constructor(url, listener, WebSocket) {
    this.#socket = new WebSocket(scheme(url, "ws"))
    this.#socket.onmessage = ({ data }) => listener.frame(data)
    // Where a Content Security Policy blocks it there is an error and nothing else.
    this.#socket.onclose = this.#socket.onerror = (/** @type {any} with a code and a reason, or neither */ event) => listener.ended(event)
  }

  /** @param {object} body */
  send(body) {
    this.#socket.send(encode(body))
  }

  close() {
    this.#socket.onmessage = this.#socket.onclose = this.#socket.onerror = null
    this.#socket.close()
  }
}

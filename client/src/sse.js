import { encode } from "./encode.js"
import { EventStream } from "./eventstream.js"
import { endingOf, isOf, post, refusal } from "./request.js"

/** @import { Listener, Transport } from "./websocket.js" */

/** What the requests of a client have in common.
 *  @typedef {object} Endpoint
 *  @property {URL | null} url null: nothing is ever sent
 *  @property {string} client
 *  @property {typeof globalThis.fetch} fetch
 *  @property {RequestCredentials} credentials */

/** The same connection over Server-Sent Events, for networks that break
 *  WebSockets. fetch instead of EventSource, because that hides the status.
 *
 *  Also the probe that finds out why a WebSocket handshake failed, which browsers
 *  hide as well: the server runs the same checks for a request that wants no
 *  stream, and answers with their status, or 426 if a WebSocket is welcome.
 *  @implements {Transport} */
export class Stream {
  name
  #endpoint
  #listener
  #failed
  #abort = new AbortController()

  /** @param {"sse" | "probe"} name
   *  @param {URL} connect
   *  @param {Listener} listener
   *  @param {Endpoint} endpoint
   *  @param {(body: object, reason: string) => void} failed a request could not be sent */
  constructor(name, connect, listener, endpoint, failed) {
    this.name = name
    this.#endpoint = endpoint
    this.#listener = listener
    this.#failed = failed
    this.#read(connect)
      .catch(endingOf)
      .then((ending) => this.#unlessClosed(() => listener.ended(ending)))
  }

  /** Posts what a WebSocket would send as a frame, and hands the answer on in the
   *  form in which a frame would bring it. That of other requests is empty.
   *  A message to other pages is sent even by a page that is left in this moment.
   *  @param {{ extend?: string[], watch?: string[], seen?: string[], looking?: boolean, read?: string, send?: object }} body */
  async send(body) {
    const { send } = body
    try {
      const params = await (send ? post(this.#endpoint, "/send", send) : post(this.#endpoint, "/watch", body, this.#abort.signal))
      const answer = encode([{ module_id: "pull", command: send ? "sent" : body.extend ? "watch" : body.seen ? "seen" : body.watch ? "grants" : "", params }])
      this.#unlessClosed(() => this.#listener.frame(answer))
    } catch (error) {
      this.#unlessClosed(() => this.#failed(body, `${endingOf(error).reason}`))
    }
  }

  close() {
    this.#abort.abort()
  }

  /** Reads to the end and returns it.
   *  @param {URL} url
   *  @returns {Promise<import("./delay.js").Ending>} */
  async #read(url) {
    const stream = this.name === "sse"
    const Accept = stream ? "text/event-stream" : "application/json"
    const { fetch, credentials } = this.#endpoint
    const { signal } = this.#abort
    const response = await fetch(url, { headers: { Accept }, credentials, cache: "no-store", redirect: "manual", signal })
    if (!stream || !isOf(response, Accept)) {
      const ending = refusal(response)
      // A ticket that is refused is perhaps too old, and the next one is not.
      return ending.status === 401 && url.searchParams.has("ticket") ? { reason: "ticket refused" } : ending
    }
    const { status, body } = response
    const reader = /** @type {NonNullable<typeof body>} */ (body).getReader()
    const decoder = new TextDecoder()
    const parser = new EventStream()

    for (;;) {
      const { done, value } = await reader.read()
      if (done) return { status, reason: "ended" }
      this.#unlessClosed(() => this.#listener.heard())
      for (const { event, data } of parser.push(decoder.decode(value, { stream: true }))) {
        if (event === "close") return { code: JSON.parse(data).code }
        this.#unlessClosed(() => this.#listener.frame(data))
      }
    }
  }

  /** A closed transport tells nothing more, though its requests may still end.
   *  @param {() => void} tell */
  #unlessClosed(tell) {
    if (!this.#abort.signal.aborted) tell()
  }
}

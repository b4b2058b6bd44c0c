import { below } from "./address.js"
import { encode } from "./encode.js"
import { EventStream } from "./eventstream.js"
import { header } from "./tagrequests.js"

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
   *  @param {(reason: string) => void} failed watches could not be extended */
  constructor(name, connect, listener, endpoint, failed) {
    this.name = name
    this.#endpoint = endpoint
    this.#listener = listener
    this.#failed = failed
    this.#read(connect)
      .catch((error) => ({ reason: String(error) }))
      .then((ending) => this.#unlessClosed(() => listener.ended(ending)))
  }

  /** Posts what a WebSocket would send as a frame, and hands the answer on in the
   *  form in which a frame would bring it. That of other requests is empty.
   *  @param {{ extend?: string[], watch?: string[], seen?: string[], looking?: boolean, read?: string }} body */
  async send(body) {
    const { url, client } = this.#endpoint
    const headers = { "Content-Type": "application/json", [header]: client }
    try {
      const response = await this.#fetch(below(/** @type {URL} */ (url), "/watch"), { method: "POST", headers, body: encode(body) })
      if (!response.ok) throw `status ${response.status}`
      const params = await response.json()
      const answer = encode([{ module_id: "pull", command: body.extend ? "watch" : body.seen ? "seen" : body.watch ? "grants" : "", params }])
      this.#unlessClosed(() => this.#listener.frame(answer))
    } catch (error) {
      if (body.extend) this.#unlessClosed(() => this.#failed(String(error)))
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
    const response = await this.#fetch(url, { headers: { Accept }, redirect: "manual" })
    const { ok, status, headers, body } = response
    if (!stream || !ok || !headers.get("Content-Type")?.startsWith(Accept)) {
      // Most logins answer with their page or the way to it, of which a page sees no
      // status, and not with 401.
      if (ok || !status) return { status: 401, reason: "login page" }
      return { status, retryAfter: headers.get("Retry-After") }
    }
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

  /** @param {URL} url
   *  @param {RequestInit} init */
  #fetch(url, init) {
    const { fetch, credentials } = this.#endpoint
    return fetch(url, { ...init, credentials, cache: "no-store", signal: this.#abort.signal })
  }
}

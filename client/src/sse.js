import { watchAddress } from "./address.js"
import { EventStream } from "./eventstream.js"
import { header } from "./tagrequests.js"

/** @import { Listener, Transport } from "./websocket.js" */

/** What the requests of a client have in common.
 *  @typedef {object} Endpoint
 *  @property {URL} url
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
  #abort = new AbortController()

  /** @param {"sse" | "probe"} name
   *  @param {URL} connect
   *  @param {Listener} listener
   *  @param {Endpoint} endpoint */
  constructor(name, connect, listener, endpoint) {
    this.name = name
    this.#endpoint = endpoint
    this.#listener = listener
    this.#read(connect)
      .catch(() => ({}))
      .then((ending) => this.#tell("ended", ending))
  }

  /** Posts what a WebSocket would send as a frame, and hands the answer on in the
   *  form in which a frame would bring it. A failure is no answer: who asked asks again.
   *  @param {{ extend?: string[], seen?: string[] }} body */
  async send(body) {
    const { url, client } = this.#endpoint
    const headers = { "Content-Type": "application/json", [header]: client }
    try {
      const response = await this.#fetch(watchAddress(url), { method: "POST", headers, body: JSON.stringify(body) })
      if (!response.ok) return
      const params = await response.json()
      this.#tell("frame", JSON.stringify([{ module_id: "pull", command: body.extend ? "watch" : "seen", params }]))
    } catch {}
  }

  close() {
    this.#abort.abort()
  }

  /** Reads to the end and returns it.
   *  @param {URL} url
   *  @returns {Promise<import("./delay.js").Ending>} */
  async #read(url) {
    const Accept = this.name === "sse" ? "text/event-stream" : "application/json"
    const response = await this.#fetch(url, { headers: { Accept } })
    const { ok, status, headers, body } = response
    if (!ok || !headers.get("Content-Type")?.startsWith("text/event-stream")) {
      return { status, retryAfter: headers.get("Retry-After") }
    }
    const reader = /** @type {NonNullable<typeof body>} */ (body).getReader()
    const decoder = new TextDecoder()
    const parser = new EventStream()

    for (;;) {
      const { done, value } = await reader.read()
      if (done) return {}
      this.#listener.heard()
      for (const { event, data } of parser.push(decoder.decode(value, { stream: true }))) {
        if (event === "close") return { code: JSON.parse(data).code }
        this.#tell("frame", data)
      }
    }
  }

  /** A closed transport tells nothing more, though its requests may still end.
   *  @template {"frame" | "ended"} Name
   *  @param {Name} name
   *  @param {Parameters<Listener[Name]>[0]} news */
  #tell(name, news) {
    if (!this.#abort.signal.aborted) this.#listener[name](/** @type {any} */ (news))
  }

  /** @param {URL} url
   *  @param {RequestInit} init */
  #fetch(url, init) {
    const { fetch, credentials } = this.#endpoint
    return fetch(url, { ...init, credentials, cache: "no-store", signal: this.#abort.signal })
  }
}

/** event is empty where the stream names none.
 *  @typedef {{ event: string, data: string }} StreamEvent */

/** Parses a stream of Server-Sent Events that arrives in pieces of any size.
 *  Ids are left out: a page knows its cursor from the messages. */
export class EventStream {
  #rest = ""
  #event = ""
  /** @type {string[]} */
  #data = []

  /** @param {string} chunk
   *  @returns {StreamEvent[]} */
  push(chunk) {
    // A "\r" at the very end may be half of a "\r\n": it waits for the next chunk.
    const lines = (this.#rest + chunk).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ""
    return lines.flatMap((line) => this.#line(line))
  }

  /** An empty line ends an event.
   *  @param {string} line
   *  @returns {StreamEvent[]} */
  #line(line) {
    const [, field, value] = /** @type {RegExpExecArray} */ (/^([^:]*):? ?(.*)/s.exec(line))
    if (field === "event") this.#event = value
    if (field === "data") this.#data.push(value)
    if (line) return []

    const events = this.#data.length ? [{ event: this.#event, data: this.#data.join("\n") }] : []
    this.#event = ""
    this.#data = []
    return events
  }
}

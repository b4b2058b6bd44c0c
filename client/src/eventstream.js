/** event is empty where the stream names none.
 *  @typedef {{ event: string, data: string }} StreamEvent */

/** Parses a stream of Server-Sent Events that arrives in pieces of any size. Ids
 *  are left out: a page knows its cursor from the messages. */
export class EventStream {
  #rest = ""

  /** @param {string} chunk
   *  @returns {StreamEvent[]} */
  push(chunk) {
    const events = (this.#rest + chunk).split(/\r?\n\r?\n/)
    this.#rest = events.pop() ?? ""
    return events.map(read).filter(({ data }) => data)
  }
}

/** @param {string} text
 *  @returns {StreamEvent} */
function read(text) {
  const lines = [...text.matchAll(/^data: ?(.*)/gm)]
  return { event: /^event: ?(.*)/m.exec(text)?.[1] ?? "", data: lines.map(([, line]) => line).join("\n") }
}

import { invalid } from "./invalid.js"

/** The position in the server's log: everything up to here is known. It never
 *  goes backwards within an epoch; another epoch is another log. */
export class Cursor {
  #epoch = ""
  #offset = 0

  /** @param {string} [text] `epoch.offset`; nothing: the position of the first hello */
  constructor(text = "") {
    if (!text) return
    const parts = /^(.+)\.(\d+)$/.exec(text)
    if (!parts) throw invalid("cursor", text)
    this.#epoch = parts[1]
    this.#offset = Number(parts[2])
  }

  /** hello moves to the server's position unless the missed messages follow.
   *  Returns whether some are missed for good.
   *  @param {{ epoch: string, offset: number, recovered: boolean }} hello */
  hello({ epoch, offset, recovered }) {
    if (!epoch || !Number.isSafeInteger(offset)) throw invalid("hello", offset)
    if (recovered && epoch === this.#epoch) return false
    const gap = this.#epoch !== ""
    this.#epoch = epoch
    this.#offset = offset
    return gap
  }

  /** tick moves a quiet page along, so that it stays inside the server's window.
   *  @param {number} offset */
  tick(offset) {
    if (offset > this.#offset) this.#offset = offset
  }

  /** take moves to the message and returns false if it was seen already.
   *  @param {number} id */
  take(id) {
    if (id <= this.#offset) return false
    this.#offset = id
    return true
  }

  /** Empty as long as the position is unknown. */
  toString() {
    return this.#epoch && `${this.#epoch}.${this.#offset}`
  }
}

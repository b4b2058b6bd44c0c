import { invalid } from "./invalid.js"

/** The position in the server's log: everything up to here is known. It never
 *  goes backwards within an epoch; another epoch is another log. Offsets are whole
 *  numbers below 2^53: beyond, JavaScript cannot tell one from the next. */
export class Cursor {
  #epoch = ""
  #offset = 0

  /** @param {string | null} [text] `epoch.offset`; nothing: the position of the first hello */
  constructor(text = "") {
    if (!text) return
    const parts = /^(.+)\.(\d+)$/s.exec(text)
    if (!parts) throw invalid("cursor", text)
    this.#epoch = parts[1]
    this.#offset = Number(parts[2]) // beyond 2^53 it is ahead of every log: a gap
  }

  /** hello moves to the server's position unless the missed messages follow.
   *  Returns whether some are missed for good.
   *  @param {{ epoch: string, offset: number, recovered: boolean }} hello */
  hello({ epoch, offset, recovered }) {
    if (!epoch || !isOffset(offset)) throw invalid("hello", `${epoch}.${offset}`)
    if (recovered && epoch === this.#epoch && isOffset(this.#offset)) return false
    const gap = this.#epoch !== ""
    this.#epoch = epoch
    this.#offset = offset
    return gap
  }

  /** tick moves a quiet page along, so that it stays inside the server's window.
   *  One of another log says nothing about this one: a hello follows.
   *  @param {{ epoch?: string, offset: number }} tick */
  tick({ epoch, offset }) {
    if (!isOffset(offset)) throw invalid("tick", offset)
    if ((epoch ?? this.#epoch) === this.#epoch && offset > this.#offset) this.#offset = offset
  }

  /** advance moves to the message and returns false if it was seen already.
   *  @param {number} id */
  advance(id) {
    if (!isOffset(id) || !id) throw invalid("id", id)
    if (id <= this.#offset) return false
    this.#offset = id
    return true
  }

  /** What follows cannot be read. No server knows this position, so that the next
   *  hello is a gap. */
  lose() {
    this.#offset = NaN
  }

  /** Empty as long as the position is unknown. */
  toString() {
    return this.#epoch && `${this.#epoch}.${this.#offset}`
  }
}

/** @param {number} number */
const isOffset = (number) => Number.isSafeInteger(number) && number >= 0

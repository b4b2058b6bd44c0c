import { ringEvents, ringLetters } from "./limits.js"

/** An event as it came. tab: the number of the tab that does not get it.
 *  @typedef {{ id: number, text: string, tab?: string }} Kept */

/** The recent events of the one connection: everything for its tabs that has an offset above
 *  floor, up to head. */
export class Ring {
  epoch = ""
  floor = 0
  head = 0
  /** @type {Kept[]} */
  #events = []
  #letters = 0

  /** Begins again at a position.
   *  @param {string} epoch
   *  @param {number} offset */
  reset(epoch, offset) {
    this.epoch = epoch
    this.floor = this.head = offset
    this.#events = []
    this.#letters = 0
  }

  /** Nothing for the tabs has an offset up to this one that has not come.
   *  @param {number} offset */
  advance(offset) {
    this.head = Math.max(this.head, offset)
  }

  /** @param {Kept} event with an offset above head */
  add(event) {
    this.head = event.id
    this.#events.push(event)
    this.#letters += event.text.length
    while (this.#letters > ringLetters || this.#events.length > ringEvents) {
      const { id, text } = /** @type {Kept} */ (this.#events.shift())
      this.#letters -= text.length
      this.floor = id
    }
  }

  /** What a tab at this offset, which is not below floor, has not got.
   *  @param {number} offset */
  after(offset) {
    return this.#events.filter(({ id }) => id > offset)
  }
}

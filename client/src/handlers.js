import { safely } from "./safely.js"

/** Functions of the page in order of registration, and the one way in which all of
 *  them are called: those that were there when it began, unless an earlier one has
 *  removed them since. What one throws stops no other.
 *  @template Entry */
export class Handlers {
  /** @type {Entry[]} */
  #entries = []

  /** @param {Entry} entry */
  add(entry) {
    this.#entries.push(entry)
  }

  /** @param {(entry: Entry) => unknown} match */
  has(match) {
    return this.#entries.some(match)
  }

  /** @param {(entry: Entry) => unknown} match */
  removeAll(match) {
    this.#entries = this.#entries.filter((entry) => !match(entry))
  }

  /** @param {(entry: Entry) => unknown} match
   *  @param {(entry: Entry) => void} call */
  run(match, call) {
    for (const entry of this.#entries.filter(match)) {
      if (this.#entries.includes(entry)) safely(() => call(entry))
    }
  }
}

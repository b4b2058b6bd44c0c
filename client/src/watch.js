import { after } from "./after.js"
import { fits, frames } from "./frames.js"

const unanswered = 60_000

/** Keeps the watches of the page alive. Each tag has a time when it is due, not a
 *  timer of its own: what fell due while the page slept or was disconnected is
 *  extended as soon as it can be. */
export class Watch {
  /** @type {Map<string, number>} */
  #due = new Map()
  #every
  #send
  #cancel = () => {}

  /** @param {number} every ms between two extensions
   *  @param {(body: object) => boolean} send false: not connected */
  constructor(every, send) {
    this.#every = every
    this.#send = send
  }

  get tags() {
    return [...this.#due.keys()]
  }

  /** Returns false for a tag that is queued already or cannot exist.
   *  @param {string} tag
   *  @param {boolean} [force] at once; the tags of one task leave together */
  add(tag, force) {
    if (this.#due.has(tag) || !fits(tag)) return false
    this.#due.set(tag, Date.now() + (force ? 0 : this.#every))
    this.schedule()
  }

  /** @param {string} tag */
  delete(tag) {
    this.#due.delete(tag)
  }

  /** The server's answer: what it does not know is not asked for again.
   *  @param {Record<string, boolean>} answers */
  answered(answers) {
    for (const [tag, known] of Object.entries(answers)) {
      if (!known) this.#due.delete(tag)
      else if (this.#due.has(tag)) this.#due.set(tag, Date.now() + this.#every)
    }
    this.schedule()
  }

  /** Also called by hello: without a connection nothing is scheduled. */
  schedule() {
    this.stop()
    if (!this.#due.size) return
    const next = Math.min(...this.#due.values()) - Date.now()
    this.#cancel = after(next, () => this.#extend())
  }

  stop() {
    this.#cancel()
  }

  #extend() {
    const now = Date.now()
    const due = this.tags.filter((tag) => /** @type {number} */ (this.#due.get(tag)) <= now)
    for (const frame of frames("extend", due)) {
      if (!this.#send(frame)) return
      for (const tag of frame.extend) this.#due.set(tag, now + unanswered)
    }
    this.schedule()
  }
}

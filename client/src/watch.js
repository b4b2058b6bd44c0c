import { fits, frames } from "./frames.js"
import { extensions, longestUnanswered, pace, unanswered } from "./patience.js"
import { Timer } from "./timer.js"

/** Keeps the watches of the page alive. A tag whose timer is not set is due. What
 *  falls due while the page sleeps or is disconnected is extended when it can be. */
export class Watch {
  /** @type {Map<string, Timer>} */
  #timers = new Map()
  #soon = new Timer()
  #patience = unanswered // longer after failures
  #every
  #send
  #tell

  /** @param {number} every ms between two extensions
   *  @param {(body: object) => boolean} send false: not connected
   *  @param {(reason: string) => void} tell that watches cannot be extended */
  constructor(every, send, tell) {
    this.#every = every
    this.#send = send
    this.#tell = tell
  }

  get tags() {
    return [...this.#timers.keys()]
  }

  /** Returns false for a tag that is queued already or cannot exist.
   *  @param {string} tag
   *  @param {boolean} [force] at once; the tags of one task leave together */
  add(tag, force) {
    if (this.#timers.has(tag) || !fits(tag)) return false
    this.#timers.set(tag, new Timer())
    if (force) this.#extendSoon()
    else this.#later(tag, this.#every)
  }

  /** @param {string} tag */
  delete(tag) {
    this.#timers.get(tag)?.unset()
    this.#timers.delete(tag)
  }

  /** The server's answer: what it does not know is not asked for again.
   *  @param {Record<string, boolean>} answers */
  answered(answers) {
    this.#patience = unanswered
    for (const [tag, known] of Object.entries(answers)) {
      if (known) this.#later(tag, this.#every)
      else this.delete(tag)
    }
  }

  /** There will be no answer. It is told once, and tried again, less and less often.
   *  @param {string} reason */
  failed(reason) {
    if (this.#patience === unanswered) this.#tell(reason)
    this.#patience = Math.min(2 * this.#patience, longestUnanswered)
  }

  /** There is a connection, again. Timers may have slept with the device. */
  wake() {
    for (const timer of this.#timers.values()) timer.wake()
    this.#extendSoon()
  }

  /** Whatever has no timer is due with the next connection. */
  stop() {
    for (const timer of [this.#soon, ...this.#timers.values()]) timer.unset()
  }

  /** @param {string} tag
   *  @param {number} ms */
  #later(tag, ms) {
    this.#timers.get(tag)?.set(ms, () => this.#extendSoon())
  }

  #extendSoon() {
    this.#soon.set(0, () => this.#extend())
  }

  #extend() {
    const due = this.tags.filter((tag) => !this.#timers.get(tag)?.isSet)
    for (const [i, frame] of frames("extend", due).entries()) {
      if (i < extensions && !this.#send(frame)) return
      for (const tag of frame.extend) this.#later(tag, i < extensions ? this.#patience : i * pace) // too fast is cut
    }
  }
}

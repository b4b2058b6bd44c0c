import { extensions, pace } from "../patience.js"
import { frames } from "../frames.js"
import { Timer } from "../timer.js"

/** What the tabs send, in frames that are not too many for the server: those of several tabs are put
 *  together where that is possible. Without a connection they wait. */
export class Outbox {
  /** @type {object[]} */
  #queue = []
  /** @type {Set<string>} */
  #tags = new Set()
  #credit = extensions
  #timer = new Timer()
  #send

  /** @param {(body: object) => boolean} send false: not connected */
  constructor(send) {
    this.#send = send
  }

  /** @param {any} body */
  add(body) {
    if (body.extend) for (const tag of body.extend) this.#tags.add(tag)
    else this.#queue.push(body)
    this.flush()
  }

  /** Sends what it may: there is a connection, or the next frame is due. */
  flush() {
    for (const frame of frames("extend", [...this.#tags])) {
      if (!this.#put(frame)) break
      for (const tag of frame.extend) this.#tags.delete(tag)
    }
    while (this.#queue.length && this.#put(this.#queue[0])) this.#queue.shift()
  }

  /** The tabs send again what they still want. */
  clear() {
    this.#queue = []
    this.#tags.clear()
  }

  /** @param {object} frame */
  #put(frame) {
    if (!this.#credit || !this.#send(frame)) return false
    this.#credit--
    if (!this.#timer.isSet) this.#earn()
    return true
  }

  #earn() {
    this.#timer.set(pace, () => {
      this.#credit++
      if (this.#credit < extensions) this.#earn()
      this.flush()
    })
  }
}

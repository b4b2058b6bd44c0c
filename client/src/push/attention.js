import { fits } from "../frames.js"
import { ofDocument } from "../genuine.js"
import { pace } from "../patience.js"
import { stopwatch, Timer } from "../timer.js"

/** @typedef {import("../options.js").Completed} Options */

const betweenUses = 60_000
const mostTags = 100

/** @type {WeakMap<Options, Attention>} */
const all = new WeakMap()

/** @param {Options} options */
export function attention(options) {
  const one = all.get(options) ?? new Attention(options)
  all.set(options, one)
  return one
}

/** Tells the server that the page is used, and what its user has read. */
class Attention {
  #options
  #listening = new AbortController()
  #sinceTold = stopwatch()
  /** @type {Set<string>} */
  #tags = new Set()
  #pacing = new Timer()

  /** @param {Options} options */
  constructor(options) {
    this.#options = options
  }

  /** There is a connection, again. A worker is not looked at. */
  hello() {
    this.#listening.abort()
    this.#sinceTold = stopwatch()
    if (this.#options.page.document) this.#follow()
    this.#sendRead()
  }

  /** Keeps the tag until it is sent, each once, the last ones.
   *  @param {string} tag */
  read(tag) {
    if (!tag || !fits(tag)) return
    this.#tags.delete(tag)
    this.#tags.add(tag)
    if (this.#tags.size > mostTags) this.#tags.delete(/** @type {string} */ (this.#tags.values().next().value))
    this.#sendRead()
  }

  /** The page must not be able to stop the events. */
  #follow() {
    this.#listening = new AbortController()
    const { page } = this.#options
    const how = { capture: true, passive: true, signal: this.#listening.signal }
    for (const name of ["pointerdown", "pointermove", "keydown", "wheel"]) page.addEventListener(name, () => this.#used(), how)
    // The client itself tells that the page is shown or hidden.
    page.addEventListener("visibilitychange", () => (this.#sinceTold = stopwatch()), how)
  }

  #used() {
    if (this.#sinceTold() < betweenUses || ofDocument(this.#options.page.document, "hidden")) return
    this.#sinceTold = stopwatch()
    if (!this.#options.send?.({ looking: true })) this.#listening.abort() // until the next hello
  }

  /** One after the other: the server closes connections that send too fast. */
  #sendRead() {
    const [read] = this.#tags
    if (!read || this.#pacing.isSet || !this.#options.send?.({ read })) return
    this.#tags.delete(read)
    this.#pacing.set(pace, () => this.#sendRead())
  }
}

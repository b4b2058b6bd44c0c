import { quiet } from "./patience.js"
import { Timer } from "./timer.js"

/** @typedef {"connect" | "online" | "offline"} State */

/** Decides what the page hears of the connection's state: nothing twice, and
 *  nothing at all of a reconnect that is over within five seconds. */
export class Status {
  /** @type {State} */
  current = "offline"
  /** @type {State | ""} */
  #reported = ""
  #timer = new Timer()
  #report

  /** @param {(state: State) => void} report */
  constructor(report) {
    this.#report = report
  }

  /** @param {State} state */
  set(state) {
    this.current = state
    const news = state === "online" || (state === "connect" && this.#reported !== "online")
    if (news) this.#tell()
    else if (!this.#timer.isSet) this.#timer.set(quiet, () => this.#tell())
  }

  /** A page that unloads tells nothing more. */
  hold() {
    this.#timer.unset()
  }

  #tell() {
    this.hold()
    if (this.current === this.#reported) return
    this.#reported = this.current
    this.#report(this.current)
  }
}

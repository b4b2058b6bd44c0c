/** @typedef {import("../status.js").State} State */

/** Reports every change at once, where a page waits to see whether it lasts. */
export class Status {
  /** @type {State} */
  current = "offline"
  /** @type {State | ""} */
  #reported = ""
  #report

  /** @param {(state: State) => void} report */
  constructor(report) {
    this.#report = report
  }

  /** @param {State} state */
  set(state) {
    this.current = state
    if (state === this.#reported) return
    this.#reported = state
    this.#report(state)
  }

  hold() {}
}

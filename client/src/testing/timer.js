/** The timer of a client for which no time passes: what is to happen at once happens now, and
 *  what is to happen later never does. */
export class Timer {
  isSet = false

  /** @param {number} ms
   *  @param {() => void} run */
  set(ms, run) {
    this.isSet = ms > 0
    if (!this.isSet) run()
  }

  unset() {
    this.isSet = false
  }

  /** The page is looked at, but no time has passed. */
  wake() {}
}

/** @returns {() => number} */
export const stopwatch = () => () => 0

const most = 2 ** 31 - 1 // setTimeout fires at once for more

/** Counts the milliseconds since now. performance.now() may stand still while the
 *  device sleeps and Date.now() may be set, so the one that went further counts.
 *  @returns {() => number} */
export function stopwatch() {
  const mono = performance.now()
  const wall = Date.now()
  return () => Math.max(performance.now() - mono, Date.now() - wall)
}

/** A timer. When it fires, its time has passed, whatever clocks say;
 *  only when the page wakes are clocks asked, because timers sleep with the device. */
export class Timer {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #id
  #check = () => {}

  /** Replaces what it was set to. Negative is at once, and what is too long for
   *  setTimeout ends early, after 24 days.
   *  @param {number} ms
   *  @param {() => void} run */
  set(ms, run) {
    this.unset()
    const passed = stopwatch()
    const fire = () => {
      this.unset()
      run()
    }
    this.#id = setTimeout(fire, Math.min(ms, most))
    this.#check = () => passed() >= ms && fire()
  }

  get isSet() {
    return this.#id !== undefined
  }

  unset() {
    clearTimeout(this.#id)
    this.#id = undefined
  }

  wake() {
    if (this.isSet) this.#check()
  }
}

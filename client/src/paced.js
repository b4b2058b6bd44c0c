/** Returns what runs a function: at once, and then at most once in each `ms`. A call
 *  in between is made up for at the end of that time, so that the last is never lost.
 *  @param {number} ms
 *  @param {() => void} run
 *  @param {() => void} [rested] after such a time without a call
 *  @returns {() => void} */
export function paced(ms, run, rested = () => {}) {
  let resting = false
  let due = false

  const fire = () => {
    resting = true
    due = false
    setTimeout(() => {
      resting = false
      if (due) fire()
      else rested()
    }, ms)
    run()
  }
  return () => {
    if (resting) due = true
    else fire()
  }
}

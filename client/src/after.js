/** setTimeout in the form that owners of a single timer want. Negative is at once.
 *  @param {number} ms
 *  @param {() => void} run
 *  @returns {() => void} cancels it */
export function after(ms, run) {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}

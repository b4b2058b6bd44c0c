/** Runs code of the page: what it throws is shown and stops nobody else.
 *  @param {() => void} run */
export function safely(run) {
  try {
    run()
  } catch (error) {
    console.error(error)
  }
}

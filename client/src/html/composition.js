/** Returns what runs one function after another, at once, but not while the user
 *  composes text with an input method: what is composed would be lost with its element.
 *  @returns {(run: () => void) => void} */
export function afterComposition() {
  /** @type {(() => void)[]} */
  const waiting = []
  /** @type {any} */
  let composing

  const runAll = () => {
    if (!composing?.isConnected) waiting.splice(0).forEach((run) => run())
  }
  document.addEventListener("compositionstart", ({ target }) => (composing = target), true)
  for (const end of ["compositionend", "focusout"]) {
    document.addEventListener(
      end,
      () => {
        composing = undefined
        setTimeout(runAll) // the event is not over
      },
      true,
    )
  }
  return (run) => {
    waiting.push(run)
    runAll()
  }
}

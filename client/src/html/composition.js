/** Returns what runs a function for one thing after another, at once, but not while the
 *  user composes text with an input method: what is composed would be lost with its element.
 *  @template Thing
 *  @param {(thing: Thing) => void} run
 *  @returns {(thing: Thing) => void} */
export function afterComposition(run) {
  /** @type {Thing[]} */
  const waiting = []
  /** @type {any} */
  let composing

  const runAll = () => {
    if (!composing?.isConnected) waiting.splice(0).forEach(run)
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
  return (thing) => {
    waiting.push(thing)
    runAll()
  }
}

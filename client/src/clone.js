/** A deep copy, so that no handler sees what another one changed. What cannot be
 *  cloned (functions, DOM nodes, what is nested deeper than the stack) is shared.
 *  @template T
 *  @param {T} value
 *  @returns {T} */
export function clone(value) {
  try {
    return structuredClone(value)
  } catch {
    return value
  }
}

/** A deep copy, so that no handler sees what another one changed. What cannot
 *  be cloned (functions, DOM nodes) leaves as JSON would show it.
 *  @template T
 *  @param {T} value
 *  @returns {T} */
export function clone(value) {
  try {
    return structuredClone(value)
  } catch {
    return JSON.parse(JSON.stringify(value) ?? null)
  }
}

/** What a wrong argument throws.
 *  @param {string} name
 *  @param {unknown} value */
export function invalid(name, value) {
  return new TypeError(`pull: invalid ${name}: ${value}`)
}

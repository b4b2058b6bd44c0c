const mostValues = 100
const mostBytes = 255
const mostLetters = 5_000 // of three bytes at most: the server takes 16 KiB

/** The size of a text in bytes.
 *  @param {string} text */
export const size = (text) => new TextEncoder().encode(text).length

/** Whether the server takes a tag or user id of this length.
 *  @param {string} value */
export const fits = (value) => size(value) <= mostBytes

/** Splits a request into frames that the server accepts: it closes on larger ones.
 *  @param {"extend" | "seen"} key
 *  @param {string[]} values
 *  @returns {Record<string, string[]>[]} */
export function frames(key, values) {
  /** @type {string[][]} */
  const batches = []
  for (const value of values.filter(fits)) {
    const last = batches.at(-1)
    if (last && last.length < mostValues && JSON.stringify([last, value]).length < mostLetters) last.push(value)
    else batches.push([value])
  }
  return batches.map((batch) => ({ [key]: batch }))
}

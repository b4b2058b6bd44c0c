const mostValues = 100
const mostBytes = 255
const frameBytes = 16 * 1024

/** @param {string} text */
const bytes = (text) => new TextEncoder().encode(text).length

/** Whether the server takes a tag or user id of this length.
 *  @param {string} value */
export const fits = (value) => bytes(value) <= mostBytes

/** Splits a request into frames that the server accepts: it closes on larger ones.
 *  @param {"extend" | "seen"} key
 *  @param {string[]} values
 *  @returns {Record<string, string[]>[]} */
export function frames(key, values) {
  /** @type {string[][]} */
  const batches = []
  for (const value of values.filter(fits)) {
    const batch = [...(batches.at(-1) ?? []), value]
    const full = batch.length > mostValues || bytes(JSON.stringify({ [key]: batch })) > frameBytes
    if (full || !batches.length) batches.push([value])
    else batches[batches.length - 1] = batch
  }
  return batches.map((batch) => ({ [key]: batch }))
}

const shortest = 500
export const longest = 30_000
const spread = 5_000
const day = 86_400

/** How a connection or an attempt ended: a close code, or the HTTP status of
 *  whoever refused it and its Retry-After, or neither where nothing is known.
 *  @typedef {{ code?: number, status?: number, retryAfter?: string | null }} Ending */

/** What to do after an ending: stop for good, or come back in `wait` ms, and
 *  even if the page wakes not before `least` ms. refused: it is about who we are.
 *  @typedef {{ stop: boolean, refused: boolean, wait: number, least: number }} Verdict */

/** How long to wait before attempt n (0, 1, 2 …). Every wait is drawn anew, so
 *  that a thousand pages do not return in the same second after a restart.
 *  @param {number} attempt */
export function delay(attempt, random = Math.random) {
  return Math.min(longest, shortest * 2 ** attempt) * random()
}

/** What the protocol wants after each ending; where it says nothing, the ordinary backoff.
 *  @param {Ending} ending
 *  @param {number} attempt how many came before
 *  @returns {Verdict} */
export function verdict({ code, status, retryAfter }, attempt, random = Math.random) {
  const stop = code === 4003 || status === 403
  const least = Math.min(Number(retryAfter) || 0, day) * 1000 // a date is ignored; timers overflow after 24 days
  let wait = least + delay(attempt, random)

  if (code === 1001 || code === 1012) wait = spread * random() // the server restarts, and everybody returns
  if (code === 4001) wait = delay(0, random) // too slow, though the server is well
  if (status === 401) wait = longest + spread * random() // a login in another tab may help

  return { stop, refused: stop || status === 401, wait, least }
}

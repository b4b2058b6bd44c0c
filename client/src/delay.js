const shortest = 500
const longest = 30_000
const day = 86_400

/** Over how much time pages return that were all cut at once. */
export const spread = 5_000

/** How a connection or an attempt ended: a close code, or the HTTP status of
 *  whoever refused it and its Retry-After, or neither where nothing is known.
 *  reason is for people.
 *  @typedef {{ code?: number, status?: number, retryAfter?: string | null, reason?: string }} Ending */

/** What to do after an ending: stop for good, or come back `pause` ms after `least`
 *  ms, which even a page that wakes keeps. refused: it is about who we are.
 *  @typedef {{ stop: boolean, refused: boolean, pause: number, least: number }} Verdict */

/** How long to wait before attempt n (0, 1, 2 …). Every wait is drawn anew, so
 *  that a thousand pages do not return in the same second after a restart.
 *  @param {number} attempt */
export function delay(attempt, random = Math.random) {
  return Math.min(longest, shortest * 2 ** attempt) * random()
}

/** How long to wait where it seems pointless to try: the browser says that it is
 *  offline, or that the page is left. It may be wrong. */
export const slowly = () => (longest * (1 + Math.random())) / 2

/** What the protocol wants after each ending; where it says nothing, the ordinary backoff.
 *  @param {Ending} ending
 *  @param {number} attempt how many came before
 *  @returns {Verdict} */
export function verdict({ code, status, retryAfter }, attempt, random = Math.random) {
  const stop = code === 4003 || status === 403
  const least = Math.min(Math.max(Number(retryAfter), 0) || 0, day) * 1000 // a date is ignored
  let pause = delay(code === 4001 ? 0 : attempt, random) // 4001: too slow, though the server is well

  if (code === 1001 || code === 1012) pause = spread * random() // the server restarts, and everybody returns
  if (status === 401) pause = longest + spread * random() // a login in another tab may help

  return { stop, refused: stop || status === 401, pause, least }
}

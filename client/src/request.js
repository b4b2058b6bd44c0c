import { below } from "./address.js"
import { encode } from "./encode.js"
import { header } from "./tagrequests.js"

/** @typedef {import("./delay.js").Ending} Ending
 *  @typedef {typeof globalThis.fetch} Fetch */

/** What a request fails with if the application has no token or headers for it. It shows
 *  nothing of their errors, which may contain the token. */
export const noToken = "no token"

/** Lets each request carry the headers and the token that the application has at that time.
 *  @param {Fetch} fetch
 *  @param {import("./options.js").Options} options
 *  @returns {(url: any, init: any) => Promise<Response>} */
export function withLogin(fetch, { headers, token }) {
  return async (url, init) => {
    try {
      const bearer = await token?.()
      const own = typeof headers === "function" ? await headers() : headers
      init = { ...init, headers: { ...own, ...init.headers, ...(bearer && { Authorization: "Bearer " + bearer }) } }
      new Headers(init.headers) // throws where fetch would, and the error of fetch contains the value
    } catch {
      throw { status: 401, reason: noToken }
    }
    return fetch(url, init)
  }
}

/** Posts to an address below the mount, and returns the answer. What it throws is an Ending,
 *  or an error of the network.
 *  @param {import("./sse.js").Endpoint} endpoint
 *  @param {string} path
 *  @param {object} body
 *  @param {AbortSignal} [signal] without one the request is sent even by a page that is left in this moment
 *  @returns {Promise<any>} */
export async function post({ url, client, fetch, credentials }, path, body, signal) {
  const headers = { "Content-Type": "application/json", [header]: client }
  const common = /** @type {const} */ ({ headers, credentials, cache: "no-store", redirect: "manual", signal, keepalive: !signal })
  const response = await fetch(below(/** @type {URL} */ (url), path), { ...common, method: "POST", body: encode(body) })
  if (isOf(response, "application/json")) return response.json()
  const ending = refusal(response)
  if (ending.status === 403) ending.status = 401 // it is the login that is refused, and there may be another
  throw ending
}

/** Posts for an answer, until the returned function is called: after that it calls nobody.
 *  @param {import("./sse.js").Endpoint} endpoint
 *  @param {string} path
 *  @param {object} body
 *  @param {(answer: any) => void} answered
 *  @param {(ending: Ending) => void} failed
 *  @returns {() => void} */
export function ask(endpoint, path, body, answered, failed) {
  const abort = new AbortController()
  const { signal } = abort
  post(endpoint, path, body, signal)
    .then((answer) => signal.aborted || answered(answer))
    .catch((error) => signal.aborted || failed(endingOf(error)))
  return () => abort.abort()
}

/** Whether a response is a success, of this type.
 *  @param {Response} response
 *  @param {string} type */
export const isOf = ({ ok, headers }, type) => ok && headers.get("Content-Type")?.startsWith(type)

/** How a request ended that got another response than it should. Most logins answer with
 *  their page or the way to it, of which a page sees no status, and not with 401.
 *  @param {Response} response
 *  @returns {Ending} */
export function refusal({ ok, status, headers }) {
  if (ok || !status) return { status: 401, reason: "login page" }
  return { status, retryAfter: headers.get("Retry-After"), reason: `status ${status}` }
}

/** @param {any} error an Ending or an error
 *  @returns {Ending} */
export const endingOf = (error) => ({ reason: String(error), ...error })

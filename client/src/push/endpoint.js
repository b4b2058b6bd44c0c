import { below } from "../address.js"
import { encode } from "../encode.js"
import { header } from "../tagrequests.js"
import { failure } from "./failure.js"

const patience = 10_000

/** What requests about subscriptions have in common.
 *  @typedef {object} Endpoint
 *  @property {string} mount see mountOf
 *  @property {typeof globalThis.fetch} fetch
 *  @property {RequestCredentials} [credentials]
 *  @property {string} [client] */

/** @param {Endpoint} endpoint
 *  @param {"GET" | "POST" | "DELETE"} method
 *  @param {object} [body] */
export function request({ mount, fetch, credentials, client }, method, body) {
  return fetch(below(mount, "/push"), {
    method,
    body: body && encode(body),
    headers: { Accept: "application/json", ...(body && { "Content-Type": "application/json" }), ...(client && { [header]: client }) },
    credentials,
    cache: "no-store",
    redirect: "manual",
    signal: AbortSignal.timeout(patience),
  })
}

/** Returns the server's key and the user whom it knows, or undefined if the server
 *  sends nothing to browsers. Where nobody is logged in, the user is empty: most
 *  logins answer with their page or the way to it, of which a page sees no status.
 *  Throws where the server cannot be asked.
 *  @param {Endpoint} endpoint
 *  @returns {Promise<{ key: string, user: string } | undefined>} */
export async function ask(endpoint) {
  const response = await request(endpoint, "GET")
  const { ok, status } = response
  if (status === 404) return
  if (ok && response.headers.get("Content-Type")?.startsWith("application/json")) {
    const { key, user } = await response.json()
    return { key: key.replace(/=+$/, ""), user: String(user ?? "") }
  }
  if (ok || !status || status === 401 || status === 403) return { key: "", user: "" }
  throw failure("failed", `status ${status}`)
}

/** @param {Endpoint} endpoint
 *  @param {PushSubscription} subscription */
export async function post(endpoint, subscription) {
  const response = await request(endpoint, "POST", subscription.toJSON())
  const { ok, status } = response
  if (status === 204) return
  const { message = `status ${status}` } = await response.json().catch(() => ({}))
  throw failure(ok || (status < 500 && status !== 429) ? "refused" : "failed", String(message))
}

import { scheme } from "./address.js"
import { invalid } from "./invalid.js"
import { withLogin } from "./request.js"

/** pull.d.ts says what each is for.
 *  @typedef {object} Options
 *  @property {string | URL | (() => string | URL) | null} url where the plugin is mounted, relative to the page; null: nowhere
 *  @property {string | null} [cursor] the position at which the page was rendered
 *  @property {string | number} [user] whom the page was rendered for, empty for a guest
 *  @property {"desktop" | "mobile"} [platform] which hooks run; default desktop
 *  @property {string} [client] this page's id; default random
 *  @property {number | string} [extendEvery] seconds between two extensions of a watch; default 1740
 *  @property {RequestCredentials} [credentials] for requests; default same-origin
 *  @property {(() => string | null | undefined | Promise<string | null | undefined>) | null} [token] the login of each request, in the place of cookies
 *  @property {Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>)} [headers] for requests
 *  @property {boolean | string} [shared] one connection for all tabs
 *  @property {URL} [mount] what pull.js is below
 *  @property {typeof globalThis.WebSocket} [WebSocket]
 *  @property {typeof globalThis.fetch} [fetch]
 *  @property {typeof globalThis} [page] default globalThis
 *
 *  A request to the server about notifications is not sent if it is of no use to it.
 *  @typedef {Required<Omit<Options, "url" | "cursor" | "user" | "extendEvery" | "headers" | "mount" | "shared" | "token">>
 *    & Pick<Options, "headers" | "token" | "shared"> & { url: URL | null, cursor?: string | null, user?: string | number, mount?: URL, extendEvery: number, send?(body: object): boolean }} Completed */

/** Completes the options and checks them. Undefined and empty ones, as the script
 *  tag may have them, count as left out, save that an empty user is a guest.
 *  @param {Options} options
 *  @returns {Completed} */
export function complete({ page = globalThis, user, ...given } = /** @type {any} */ ({})) {
  const all = /** @type {any} */ ({
    platform: "desktop",
    client: randomId(),
    extendEvery: 1740,
    WebSocket: page.WebSocket,
    fetch: page.fetch,
    page,
    user,
  })
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && value !== "") all[name] = value
  }
  const { url, client, fetch, headers, token } = all
  if (url === undefined) throw invalid("url", url)
  if (!/^[\w-]{16,}$/.test(client)) throw invalid("client", client)

  // A number in any notation; the server allows one extension each half second.
  all.extendEvery = Math.max(1, Number(all.extendEvery)) || 1740
  // A <base> is not asked, because somebody else may have written it: what is
  // relative is on the page's own site.
  const resolve = (/** @type {string | URL} */ at) => at && scheme(new URL(at, page.location?.href), "http")
  if (typeof url === "function") Object.defineProperty(all, "url", { get: () => resolve(url()) })
  else all.url = resolve(url)
  if (headers || token) all.fetch = withLogin(fetch, all)
  return all
}

/** 128 bits. Not randomUUID: that is missing on pages without https. */
export function randomId() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-")
}

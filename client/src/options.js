import { scheme } from "./address.js"
import { invalid } from "./invalid.js"

/** pull.d.ts says what each is for.
 *  @typedef {object} Options
 *  @property {string} url where the plugin is mounted; relative to the page
 *  @property {string} [cursor] the position at which the page was rendered
 *  @property {string} [user] whom the page was rendered for
 *  @property {"desktop" | "mobile"} [platform] which hooks run; default desktop
 *  @property {string} [client] this page's id; default random
 *  @property {number} [extendEvery] seconds between two extensions of a watch; default 1740
 *  @property {RequestCredentials} [credentials] for requests; default same-origin
 *  @property {typeof globalThis.WebSocket} [WebSocket]
 *  @property {typeof globalThis.fetch} [fetch]
 *  @property {typeof globalThis} [page] default globalThis */

/** Completes the options and checks them. Undefined and empty ones, as the script
 *  tag may have them, count as left out.
 *  @param {Options} options */
export function complete({ page = globalThis, ...given } = /** @type {any} */ ({})) {
  /** @type {Required<Options>} */
  const all = {
    url: "",
    cursor: "",
    user: "",
    platform: "desktop",
    client: randomId(),
    extendEvery: 1740,
    credentials: "same-origin",
    WebSocket: page.WebSocket,
    fetch: page.fetch?.bind(page),
    page,
  }
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && value !== "") /** @type {any} */ (all)[name] = value
  }
  if (!all.url) throw invalid("url", all.url)
  if (!/^[\w-]{16,}$/.test(all.client)) throw invalid("client", all.client)

  // A number in any notation; the server allows one extension each half second.
  const extendEvery = Math.max(1, Number(all.extendEvery)) || 1740
  return { ...all, extendEvery, url: scheme(new URL(all.url, page.document?.baseURI ?? page.location?.href), "http") }
}

/** 128 bits. Not randomUUID: that is missing on pages without https. */
function randomId() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-")
}

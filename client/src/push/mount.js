import { below } from "../address.js"

/** The mount as its notifications name it: with a slash at its end.
 *  @param {{ url: URL | null, mount?: URL }} options one of them is set
 *  @returns {string} */
export function mountOf({ url, mount }) {
  return below(/** @type {URL} */ (url ?? mount), "/").href
}

import { below } from "./address.js"

/** Loads a part of the client when it is needed first, from where the application serves it.
 *  Bundlers leave the import alone.
 *  @param {URL} mount
 *  @param {string} path
 *  @returns {Promise<any>} */
export const file = (mount, path) => import(/* webpackIgnore: true */ /* @vite-ignore */ below(mount, path).href)

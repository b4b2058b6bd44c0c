import { below } from "./address.js"
import { invalid } from "./invalid.js"

/** Runs a function of the file for notifications, which is loaded when it is needed
 *  first. A page that does not connect finds it where pull.js is: after a logout
 *  there may be a subscription to remove.
 *  @param {import("./options.js").Completed} options
 *  @param {string} name
 *  @param {unknown} [given]
 *  @returns {Promise<any>} */
export async function push(options, name, given) {
  const mount = options.url ?? options.mount
  if (mount) return (await import(below(mount, "/pull-push.mjs").href))[name](options, given)
  if (name === "state") return "unsupported"
  throw Object.assign(invalid("url", mount), { code: "unsupported" })
}

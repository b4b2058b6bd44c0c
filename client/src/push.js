import { file as load } from "./file.js"

/** Runs a function of the file for notifications, which is loaded when it is needed
 *  first. A page that does not connect finds it where pull.js is: after a logout
 *  there may be a subscription to remove. Where the file cannot be loaded, as with
 *  something that blocks it, there are no notifications.
 *  @param {import("./options.js").Completed} options
 *  @param {string} name
 *  @param {unknown} [given]
 *  @returns {Promise<any>} */
export async function push(options, name, given) {
  const mount = options.url ?? options.mount
  const file = mount && (await load(mount, "/pull-push.mjs").catch(() => {}))
  if (file) return file[name](options, given)
  if (name === "state") return "unsupported"
  if (name === "enable") throw Object.assign(new Error("pull: cannot load /pull-push.mjs"), { code: mount ? "failed" : "unsupported" })
}

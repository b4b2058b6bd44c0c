/** @typedef {"desktop" | "mobile"} Platform
 *  @typedef {[name: string, args: unknown[]]} Hook */

/** The hooks that a message runs, in order. A page is desktop or mobile, never
 *  both: code that registers both families runs once.
 *  @param {Platform} platform
 *  @param {import("./message.js").Kind} kind
 *  @param {import("./message.js").Message} message
 *  @returns {Hook[]} */
export function hooksOf(platform, kind, { module_id, command, params, extra }) {
  const family = kind === "client" ? "onPullClient" : "onPull"

  if (platform === "mobile") {
    if (kind === "online") return [["onPullOnline", [{ command, params, extra }]]]
    const args = [{ module_id, command, params, extra }]
    return kind === "client" ? [[`${family}-${module_id}`, args]] : [[`${family}-${module_id}`, args], [family, args]]
  }

  const args = [command, params, extra]
  if (kind === "online") return [["onPullOnlineEvent", args]]
  return [
    [`${family}Event-${module_id}`, args],
    [`${family}Event`, [module_id, ...args]],
  ]
}

/** @typedef {"desktop" | "mobile"} Platform
 *  @typedef {[name: string, args: unknown[]]} Hook */

/** The hooks that a message runs, in order. A page is desktop or mobile, never
 *  both: code that registers both families runs once.
 *  @param {Platform} platform
 *  @param {"message" | "client" | "online"} kind
 *  @param {import("./message.js").Message} message
 *  @returns {Hook[]} */
export function hooksOf(platform, kind, { module_id, command, params, extra }) {
  const mobile = platform === "mobile"
  const family = `onPull${{ message: "", client: "Client", online: "Online" }[kind]}${mobile ? "" : "Event"}`
  const args = mobile ? [{ command, params, extra }] : [command, params, extra]
  if (kind === "online") return [[family, args]]

  const all = mobile ? [{ module_id, command, params, extra }] : [module_id, ...args]
  /** @type {Hook} */
  const own = [`${family}-${module_id}`, mobile ? all : args]
  return mobile && kind === "client" ? [own] : [own, [family, all]]
}

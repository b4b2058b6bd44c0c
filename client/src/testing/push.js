/** There are no notifications.
 *  @param {unknown} _
 *  @param {string} name */
export async function push(_, name) {
  if (name === "state") return "unsupported"
  if (name === "enable") throw Object.assign(new Error("pull: a fake client has no notifications"), { code: "unsupported" })
}

/** @typedef {import("../../pull.js").PushErrorCode} Code */

/** @param {Code} code
 *  @param {string} reason for people */
export function failure(code, reason) {
  return Object.assign(new Error(`pull: ${reason}`), { code })
}

/** The same error, or one with a code if it has none of ours.
 *  @param {any} error */
export function coded(error) {
  if (typeof error?.code === "string") return error // a DOMException's is a number
  return failure(error?.name === "NotAllowedError" ? "denied" : "failed", String(error?.message ?? error))
}

import { invalid } from "./invalid.js"

/** @typedef {{ id?: number, module_id: string, command: string, params: any, extra: any }} Message
 *  @typedef {"server" | "client" | "online" | "control"} Kind */

/** read makes a message of what a frame held, with everything handlers rely on.
 *  It throws where the server broke the protocol.
 *  @param {any} raw
 *  @param {number} now by the server's clock
 *  @returns {Message} */
export function read({ id, module_id, command, params, extra }, now) {
  if (typeof module_id !== "string" || typeof command !== "string") throw invalid("message", module_id)
  const age = now / 1000 - extra?.server_time_unix
  return {
    id,
    module_id: module_id.toLowerCase(),
    command,
    params: params ?? {},
    extra: { ...extra, sender: extra?.sender ?? { type: 2 }, server_time_ago: Math.max(0, age) || 0 },
  }
}

/** kindOf looks at the sender first: whatever module a client's message names,
 *  it can never pass for the server's.
 *  @param {Message} message
 *  @returns {Kind} */
export function kindOf({ module_id, extra }) {
  if (extra.sender.type === 1) return "client"
  if (module_id === "pull") return "control"
  return module_id === "online" ? "online" : "server"
}

import { invalid } from "./invalid.js"

/** @typedef {{ id?: number, module_id: string, command: string, params: any, extra: any }} Message
 *  @typedef {"server" | "client" | "online" | "control" | "render" | "later"} Kind */

/** read makes a message of what a frame held, with everything handlers rely on.
 *  It throws where the server broke the protocol.
 *  @param {any} raw
 *  @param {number} now by the server's clock
 *  @returns {Message} */
export function read(raw, now) {
  const { id, module_id, command, params, extra } = Array.isArray(raw) ? ofArray(raw) : raw
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

/** An event of version 2 as one of version 1. Its name is the module and the command.
 *  @param {any[]} event */
function ofArray([id, ms, name, params, extra]) {
  if (typeof ms !== "number") throw invalid("time", ms)
  const [, module_id, command] = name.match(/(.*?):(.*)/) ?? []
  const server_time = new Date(ms).toISOString().slice(0, -5) + "Z"
  // An offset of 0 is none.
  return { id: id || undefined, module_id, command, params, extra: { server_time, server_time_unix: ms / 1000, ...extra } }
}

/** kindOf looks at the sender first: whatever module a client's message names,
 *  it can never pass for the server's. What the server itself puts into the log moves
 *  the cursor, save for a withdraw; what is not known is of a later version.
 *  @param {Message} message
 *  @returns {Kind} */
export function kindOf({ id, module_id, command, extra }) {
  if (extra.sender.type === 1) return "client"
  if (module_id === "pull") return id === undefined || command === "withdraw" ? "control" : command === "render" ? command : "later"
  return module_id === "online" ? "online" : "server"
}

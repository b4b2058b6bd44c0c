// What the client runs by name: each function takes the client's options first.

import { attention } from "./attention.js"
import { refresh } from "./notifications.js"

export { disable, enable, state } from "./notifications.js"
export { withdraw } from "./withdraw.js"

/** @typedef {import("../options.js").Completed} Options */

/** There is a connection to a server that sends notifications, again.
 *  @param {Options} options
 *  @param {string} user */
export async function hello(options, user) {
  attention(options).hello()
  await refresh(options, user)
}

/** @param {Options} options
 *  @param {unknown} tag */
export function read(options, tag) {
  attention(options).read(String(tag))
}

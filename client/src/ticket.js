import { ask } from "./request.js"

/** Opens a transport with a ticket. The address of a handshake must not contain a token, because
 *  addresses are in logs; so the token buys a ticket, which is of use once and soon.
 *  @param {import("./options.js").Completed} options
 *  @param {import("./websocket.js").Listener} listener
 *  @param {(ticket: string) => void} open
 *  @returns {import("./websocket.js").Transport} what is in its place meanwhile */
export function buy(options, listener, open) {
  const close = ask(options, "/ticket", {}, ({ ticket }) => open(ticket), (ending) => listener.ended(ending))
  return { name: "ticket", send() {}, close }
}

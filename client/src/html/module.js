import { connect } from "./connect.js"

// The client of the script tag, which dispatches DOM events itself.
const client = /** @type {any} */ (globalThis)[Symbol.for("echo-pull")]
if (client) connect(client, { domEvents: false })

export { connect }

import { serve } from "./worker.js"

export { join } from "./join.js"

const scope = /** @type {any} */ (globalThis)
if ("onconnect" in scope) {
  const connect = serve(scope)
  scope.onconnect = (/** @type {MessageEvent} */ { ports }) => connect(ports[0])
}

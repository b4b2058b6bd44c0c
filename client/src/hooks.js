import { safely } from "./safely.js"

/** @typedef {[name: string, args: unknown[]]} Hook */

/** Has the page's client run the hooks of Bitrix, where the page has BX: the real
 *  one, or the names of pull.js. A page is desktop or mobile, never both: code that
 *  registers both families runs once.
 *  @param {any} window
 *  @param {import("./pull.js").Pull} client
 *  @param {Function} [own] onCustomEvent of pull.js: it alone knows the handlers that
 *  were added before the real BX was loaded */
export function runHooks(window, client, own) {
  const isMobile = () => client.getDebugInfo().platform === "mobile"

  // BX stops at a handler that throws, so each hook is run for itself.
  const run = (/** @type {string} */ name, /** @type {unknown[]} */ args) => {
    for (const emit of new Set([window.BX.onCustomEvent, own])) {
      safely(() => emit?.call(window.BX, window, name, args, true))
    }
  }

  for (const [kind, family] of Object.entries({ message: "", client: "Client", online: "Online" })) {
    client.on(/** @type {any} */ (kind), (/** @type {import("./message.js").Message} */ message) => {
      for (const [name, args] of hooksOf(isMobile(), family, message)) run(name, args)
    })
  }
  client.on("status", (status) => run("onPullStatus", [isMobile() ? { status, additional: {} } : status]))
  client.on("error", (...args) => run("onPullError", args))
  client.on("gap", () => run("onPullGap", []))
}

/** The hooks that a message runs, in order.
 *  @param {boolean} mobile
 *  @param {string} family
 *  @param {import("./message.js").Message} message
 *  @returns {Hook[]} */
export function hooksOf(mobile, family, { module_id, command, params, extra }) {
  const name = `onPull${family}${mobile ? "" : "Event"}`
  const args = mobile ? [{ command, params, extra }] : [command, params, extra]
  if (family === "Online") return [[name, args]]

  const all = mobile ? [{ module_id, command, params, extra }] : [module_id, ...args]
  /** @type {Hook} */
  const own = [`${name}-${module_id}`, mobile ? all : args]
  return mobile && family ? [own] : [own, [name, all]]
}

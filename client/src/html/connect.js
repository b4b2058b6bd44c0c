import { domEvents as dispatch } from "../domevents.js"
import { afterComposition } from "./composition.js"
import { Fragments } from "./fragments.js"
import { Grants } from "./grants.js"
import { pullWatch } from "./pullwatch.js"

/** @typedef {import("../pull.js").Pull & { watch(grant: string, listener?: import("./grants.js").Listener): () => void }} Connected
 *  @typedef {[send: (body: object) => boolean, emit: (name: string, ...args: unknown[]) => void, every: number]} Plug */

const plug = Symbol.for("echo-pull html")

/** Lets a client apply fragments to this page, and watch by grants. Call it before start:
 *  what has come before is missed, which is a gap. Further calls change nothing.
 *  @param {any} client
 *  @param {{ domEvents?: number | false }} [options]
 *  @returns {Connected} */
export function connect(client, { domEvents } = {}) {
  if (client.watch) return client

  const [send, emit, every] = /** @type {Plug} */ (client[plug]((/** @type {URL} */ address, /** @type {object} */ whose) => grants.handshake(address, whose)))
  const grants = new Grants(send, emit, every)
  client.watch = grants.watch.bind(grants)
  client.on("control", (/** @type {string} */ command, /** @type {any} */ params) => {
    if (command === "hello") grants.hello()
    if (command === "grants") grants.answered(params)
    if (command === "renewed") grants.renew()
  })

  const fragments = new Fragments()
  const later = afterComposition()
  client.on("render", (/** @type {import("../message.js").Message} */ { params }) => {
    const { clientId } = client
    later(() => {
      if (clientId !== client.clientId) return // another user has logged in
      try {
        fragments.apply(params)
      } catch (error) {
        console.error("pull:", error)
        emit("error", "RENDER_ERROR", String(error))
      }
    })
  })

  dispatch(globalThis, client, domEvents)
  if (!customElements.get("pull-watch")) customElements.define("pull-watch", pullWatch(client))
  if (client.isConnected()) emit("gap")
  return client
}

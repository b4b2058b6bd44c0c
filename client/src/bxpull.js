import { helpers, ready } from "./bx.js"
import { customEvents } from "./customevents.js"
import { domEvents as dispatch } from "./domevents.js"
import { global, ofDocument } from "./genuine.js"
import { runHooks } from "./hooks.js"
import { LegacyPull } from "./legacy.js"
import { mark } from "./pull.js"

/** @typedef {{ [name: string]: any }} Tag the data attributes of a script tag */

/** Puts the names of Bitrix and a client on a page, and connects it if the script
 *  tag names a server. What exists already stays: a page may have the real BX, or
 *  this script a second time. Then all of it works with what is there.
 *  @param {any} window
 *  @param {Tag | false} tag false where the script cannot know its tag */
export function install(window, tag) {
  const onCustomEvent = putNames(window)
  const { off, url, user, extend, platform, domEvents } = tag || {}
  if (platform === "mobile") putMobileNames(window)

  const address = (!off && url) || null
  const options = { ...tag, url: address, user, extendEvery: extend, page: window }
  if (!window[mark]) putClient(window, new LegacyPull(options), onCustomEvent, domEvents)
  else if (tag) window[mark][mark]?.(options)

  if (!address) return
  if (window.BX.PULL !== window[mark]) console.warn("pull: BX.PULL is not ours")
  ready(window, () => window[mark].start())
}

/** Returns its onCustomEvent, where the page had none.
 *  @param {any} window
 *  @returns {Function | undefined} */
function putNames(window) {
  const own = {}
  const BX = /** @type {any} */ (global(window, "BX", own))
  // Events live where they are registered: these three are of one making or the other.
  const events = BX.addCustomEvent ? undefined : customEvents(window)
  Object.assign(BX, events)
  const Pull = global(window, "Pull", class extends LegacyPull {
    /** @param {any} given without options, those of the script tag */
    constructor(given) {
      super({ ...window[mark]?.getDebugInfo(), client: "", page: window, ...given })
    }
  })
  BX.PullClient ??= Pull
  for (const [name, value] of Object.entries(helpers(window))) BX[name] ??= value
  if (BX === own) ready(window, () => makeCallable(window, BX))
  return events?.onCustomEvent
}

/** Looks its name up when it is called, because the real BX may be loaded later.
 *  @param {any} window */
function putMobileNames(window) {
  const app = /** @type {any} */ (global(window, "BXMobileApp", {}))
  app.addCustomEvent ??= (/** @type {any[]} */ ...args) => window.BX.addCustomEvent(...args)
}

/** @param {any} window
 *  @param {LegacyPull} client
 *  @param {Function} [onCustomEvent]
 *  @param {string} [pause] of DOM events */
function putClient(window, client, onCustomEvent, pause) {
  window[mark] = client
  window.BX.PULL ??= client
  runHooks(window, client, onCustomEvent)
  dispatch(window, client, pause || undefined)
}

/** BX(id), once no real BX will come: that one does not load where BX is a function.
 *  @param {any} window
 *  @param {any} BX */
function makeCallable(window, BX) {
  if (window.BX !== BX) return
  const byId = ofDocument(window.document, "getElementById")
  const find = (/** @type {any} */ node) => (typeof node === "string" ? byId.call(window.document, node) : node)
  window.BX = Object.assign(find, BX)
}

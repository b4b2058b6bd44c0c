import { LegacyPull, ownEvents } from "./legacy.js"
import { mark } from "./pull.js"
import { customEvents } from "./customevents.js"
import { helpers, ready } from "./bx.js"

/** @typedef {{ [name: string]: any }} Tag the data attributes of a script tag */

/** Puts the names of Bitrix on a page, and its client if the script tag names a
 *  server. What exists already stays: a page may have the real BX, or this script
 *  a second time. Then all of it works with what is there.
 *  @param {any} window
 *  @param {Tag | false} tag false where the script cannot know its tag */
export function install(window, tag) {
  putNames(window)
  if (!tag) return
  if (tag.platform === "mobile") putMobileNames(window)

  const client = window[mark]
  const url = !tag.off && tag.url
  const options = { ...tag, url, page: window, extendEvery: tag.extend }
  if (client) client[mark]?.(options)
  else if (url) putClient(window, new LegacyPull(options))
  if (url) ready(window.document, () => window[mark].start())
}

/** @param {any} window */
function putNames(window) {
  const own = window.BX === undefined
  const BX = (window.BX ??= {})
  // Events live where they are registered: these three are of one making or the other.
  if (!BX.addCustomEvent) window[ownEvents] = Object.assign(BX, customEvents(window)).onCustomEvent
  window.Pull ??= class extends LegacyPull {
    /** @param {any} given without options, those of the script tag */
    constructor(given) {
      super({ ...window[mark]?.getDebugInfo(), client: "", page: window, ...given })
    }
  }
  BX.PullClient ??= window.Pull
  for (const [name, value] of Object.entries(helpers(window))) BX[name] ??= value
  if (own) ready(window.document, () => makeCallable(window, BX))
}

/** Looks its name up when it is called, because the real BX may be loaded later.
 *  @param {any} window */
function putMobileNames(window) {
  const app = (window.BXMobileApp ??= {})
  app.addCustomEvent ??= (/** @type {any[]} */ ...args) => window.BX.addCustomEvent(...args)
}

/** @param {any} window
 *  @param {LegacyPull} client */
function putClient(window, client) {
  window[mark] = client
  window.BX.PULL ??= client
  if (window.BX.PULL !== client) console.warn("pull: BX.PULL is not ours")
}

/** BX(id), once no real BX will come: that one does not load where BX is a function.
 *  @param {any} window
 *  @param {any} BX */
function makeCallable(window, BX) {
  if (window.BX !== BX) return
  const find = (/** @type {any} */ node) => (typeof node === "string" ? window.document.getElementById(node) : node)
  window.BX = Object.assign(find, BX)
}

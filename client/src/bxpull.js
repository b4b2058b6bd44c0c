import { delegate, proxy, ready } from "./bx.js"
import { customEvents } from "./customevents.js"
import { mark, Pull } from "./pull.js"

/** Puts the names of Bitrix on a page, and its client if the script tag names a
 *  server. What exists already stays: a page may have the real BX, or this script
 *  a second time. Then all of it works with what is there.
 *  @param {any} window
 *  @param {any} tag the data attributes of the script tag */
export function install(window, { url, user, cursor, platform, extend }) {
  const BX = (window.BX ??= {})
  // Events live where they are registered: these three are of one making or the other.
  if (!BX.addCustomEvent) Object.assign(BX, customEvents(window))
  window.Pull ??= Pull
  BX.PullClient ??= Pull
  BX.delegate ??= delegate
  BX.proxy ??= proxy
  BX.ready ??= (/** @type {() => void} */ run) => ready(window.document, run)

  if (platform === "mobile") (window.BXMobileApp ??= {}).addCustomEvent ??= BX.addCustomEvent
  if (!url || window[mark]) return

  const client = new Pull({ page: window, url, user, cursor, platform, extendEvery: extend && Number(extend) })
  window[mark] = client
  BX.PULL ??= client
  ready(window.document, () => client.start())
}

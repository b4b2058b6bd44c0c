import { randomId } from "../options.js"
import { Exchange } from "./exchange.js"
import { Tab } from "./tab.js"
import { version } from "./version.js"

/** @typedef {import("./tab.js").Joining} Joining */

/** What a tab's id is: that of the connection, and a number. */
const id = /^([\w-]{1,50})_(\d{1,10})$/

/** Serves the tabs, all of which have the same user and mount: the name of the worker has both.
 *  @param {any} scope of the worker
 *  @returns {(port: MessagePort) => void} for each tab */
export function serve(scope) {
  /** @type {Exchange | undefined} */
  let exchange
  let client = ""
  let blocked = false

  // What the application's policy for this file forbids the worker, a page may be allowed.
  scope.addEventListener("securitypolicyviolation", () => {
    blocked = true
    exchange?.end({ code: 0 })
  })

  /** A tab that comes back keeps its id, even if the worker is another one meanwhile.
   *  @param {MessagePort} port
   *  @param {Joining} joining */
  const join = (port, joining) => {
    if (blocked || joining.version !== version) return port.postMessage({ code: 0 })
    const [, base, known] = id.exec(joining.client) ?? []
    client ||= base || randomId()
    const number = base === client ? known : randomId().split("-")[0]
    exchange ??= new Exchange(scope, { url: new URL(joining.mount), client, fetch: scope.fetch, credentials: joining.credentials, user: joining.user })
    const tab = new Tab(port, number, joining)
    port.postMessage({ client: `${client}_${number}` })
    exchange.add(tab)
    scope.navigator.locks.request(joining.lock, () => exchange?.delete(tab)) // the tab holds it while it lives
    return tab
  }

  return (port) => {
    /** @type {Tab | void} */
    let tab
    port.onmessage = ({ data }) => {
      if (!tab) tab = data && join(port, data) // null: it has gone before it has come
      else if (data === null) exchange?.delete(tab)
      else if (typeof data === "number") exchange?.handled(tab, data)
      else exchange?.requests.receive(tab, JSON.parse(data))
    }
  }
}

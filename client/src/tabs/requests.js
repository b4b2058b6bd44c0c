import { LastSeen } from "../lastseen.js"
import { Timer } from "../timer.js"
import { frameGrants, unheld } from "./limits.js"
import { Outbox } from "./outbox.js"

/** @typedef {import("./tab.js").Tab} Tab
 *  @typedef {import("./grants.js").Grants} Grants */

/** What the tabs send to the server, and what is answered to one of them alone. */
export class Requests {
  #send
  #grants
  #tabs
  #outbox
  #lastSeen
  #sweeping = new Timer()
  #wantsLooks = false // the server does
  #looks = false // as the server knows
  /** Messages to other pages: of each its tab, and the number that the tab gave it.
   *  @type {Map<number, { tab: Tab, n: number }>} */
  #sent = new Map()
  #lastSent = 0

  /** @param {(body: object) => boolean} send false: not connected
   *  @param {Grants} grants
   *  @param {Set<Tab>} tabs */
  constructor(send, grants, tabs) {
    this.#send = send
    this.#grants = grants
    this.#tabs = tabs
    this.#outbox = new Outbox(send)
    this.#lastSeen = new LastSeen((body) => (this.#outbox.add(body), true))
  }

  /** @param {Tab} tab
   *  @param {any} body */
  receive(tab, { looking, seen, watch, unwatch, send, ...rest }) {
    if (looking !== undefined) this.#looked(tab, looking)
    if (unwatch) this.#unwatch(this.#grants.remove(tab, unwatch))
    if (watch) {
      this.#grants.add(tab, watch)
      this.watch(watch)
    }
    if (send) this.#relay(tab, send)
    if (seen) this.#ask(tab, seen)
    if (Object.keys(rest).length) this.#outbox.add(rest)
  }

  /** There is a connection, again. What the handshake has not presented follows.
   *  @param {any} hello */
  hello({ push }) {
    this.#wantsLooks = push
    this.#looks = false
    this.#look()
    this.watch(this.#grants.later())
    this.#outbox.flush()
  }

  /** Returns whether that was an answer to one tab.
   *  @param {string} command
   *  @param {any} params */
  answered(command, params) {
    if (command === "seen") this.#lastSeen.answered(params)
    if (command === "sent") this.#relayed(params)
    return command === "seen" || command === "sent"
  }

  /** @param {string[]} watch */
  watch(watch) {
    this.#present("watch", watch)
  }

  /** A tab goes. Its grants stay for a while, because it may come back.
   *  @param {Tab} tab */
  leave(tab) {
    this.#grants.leave(tab)
    this.#sweeping.set(unheld, () => this.#unwatch(this.#grants.sweep()))
    this.#look()
  }

  /** The connection is lost: the tabs send again what they still want. */
  clear() {
    this.#outbox.clear()
    this.#lastSeen.end()
    this.#grants.lose()
    this.#sent.clear()
  }

  /** The user looks at a page as long as it is that of any tab. A tab that says so again is used.
   *  @param {Tab} tab
   *  @param {boolean} looking */
  #looked(tab, looking) {
    tab.looks = looking
    if (looking) this.#looks = false
    this.#look()
  }

  #look() {
    const looks = [...this.#tabs].some((tab) => tab.looks)
    if (looks === this.#looks || !this.#wantsLooks) return
    this.#looks = looks
    this.#outbox.add({ looking: looks })
  }

  /** @param {Tab} tab
   *  @param {string[]} ids */
  #ask(tab, ids) {
    this.#lastSeen.ask(ids).then(
      (params) => this.#answer(tab, "seen", params),
      () => {}, // the tab has waited as long
    )
  }

  /** @param {string[]} unwatch */
  #unwatch(unwatch) {
    this.#present("unwatch", unwatch)
  }

  /** Sends grants, in frames that the server takes.
   *  @param {"watch" | "unwatch"} key
   *  @param {string[]} grants */
  #present(key, grants) {
    let left = frameGrants
    const rest = grants.findIndex((grant) => (left -= grant.length + 3) < 0)
    const now = rest < 0 ? grants : grants.slice(0, rest)
    if (now.length) this.#outbox.add({ [key]: now })
    if (rest > 0) this.#present(key, grants.slice(rest))
  }

  /** A message to other pages. The tabs number theirs on their own.
   *  @param {Tab} tab
   *  @param {any} send */
  #relay(tab, send) {
    const n = ++this.#lastSent
    this.#sent.set(n, { tab, n: send.n })
    if (!this.#send({ send: { ...send, n, tab: tab.number } })) this.#relayed({ n, state: "busy" })
  }

  /** @param {{ n: number, state: string }} answer */
  #relayed({ n, state }) {
    const sent = this.#sent.get(n)
    this.#sent.delete(n)
    if (sent) this.#answer(sent.tab, "sent", { n: sent.n, state })
  }

  /** @param {Tab} tab
   *  @param {string} command
   *  @param {object} params */
  #answer(tab, command, params) {
    if (!this.#tabs.has(tab)) return
    tab.control(command, params)
    tab.flush()
  }
}

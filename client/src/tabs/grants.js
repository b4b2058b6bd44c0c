import { handshakeGrants, unheld } from "./limits.js"
import { stopwatch } from "../timer.js"

/** @typedef {import("./tab.js").Tab} Tab */

/** grant: as it was last renewed. tabs: who watches by it. since: the offset from which on the connection
 *  has what is sent to its tags; undefined before the server's answer. isMeant: the next handshake may
 *  present it, because the tab has missed nothing of before its position. left: how long no tab has it.
 *  @typedef {{ grant: string, tabs: Set<Tab>, since?: number, isMeant: boolean, left: () => number }} Watched */

const never = () => 0

/** The grants of all tabs. Each is one watch of the connection, whatever it was renewed to,
 *  and however many tabs have it. */
export class Grants {
  /** By the text that was presented first.
   *  @type {Map<string, Watched>} */
  #watched = new Map()
  /** What a renewed grant was at first.
   *  @type {Map<string, string>} */
  #first = new Map()

  /** @param {string} grant */
  #key(grant) {
    return this.#first.get(grant) ?? grant
  }

  /** A tab presents grants.
   *  @param {Tab} tab
   *  @param {string[]} grants
   *  @param {boolean} [isMeant] for the handshake */
  add(tab, grants, isMeant = false) {
    for (const grant of grants) {
      const key = this.#key(grant)
      const watched = this.#watched.get(key) ?? { grant, tabs: new Set(), isMeant, left: never }
      this.#watched.set(key, watched)
      watched.tabs.add(tab)
      watched.isMeant ||= isMeant
    }
  }

  /** Ends a tab's watches, and returns what no other tab has.
   *  @param {Tab} tab
   *  @param {string[]} grants */
  remove(tab, grants) {
    return grants.filter((grant) => {
      const key = this.#key(grant)
      const watched = this.#watched.get(key)
      watched?.tabs.delete(tab)
      if (watched?.tabs.size) return false
      this.#forget(key)
      return true
    })
  }

  /** A tab has gone. It may come back.
   *  @param {Tab} tab */
  leave(tab) {
    for (const watched of this.#watched.values()) {
      if (watched.tabs.delete(tab) && !watched.tabs.size) watched.left = stopwatch()
    }
  }

  /** Returns the grants that no tab has had for a while.
   *  @returns {string[]} */
  sweep() {
    return [...this.#watched].flatMap(([key, { tabs, left, grant }]) => {
      if (tabs.size || left() < unheld) return []
      this.#forget(key)
      return [grant]
    })
  }

  /** Whether the connection has everything for these grants that came after an offset.
   *  @param {string[]} grants
   *  @param {number} offset */
  cover(grants, offset) {
    return grants.every((grant) => (this.#watched.get(this.#key(grant))?.since ?? Infinity) <= offset)
  }

  /** What a handshake presents: what the server has accepted, and what tabs bring along, as far as it
   *  fits into an address. All else is presented later.
   *  @param {number} since where the connection will begin
   *  @returns {string[]} */
  handshake(since) {
    let left = handshakeGrants
    return [...this.#watched.values()].flatMap((watched) => {
      const { grant } = watched
      const fits = (watched.isMeant || watched.since !== undefined) && (left -= grant.length + 7) > 0
      watched.since = fits ? Math.min(watched.since ?? since, since) : undefined
      return fits ? [grant] : []
    })
  }

  /** What the handshake has not presented.
   *  @returns {string[]} */
  later() {
    return [...this.#watched.values()].filter(({ since }) => since === undefined).map(({ grant }) => grant)
  }

  /** The log goes on at another position: what was before is lost.
   *  @param {number} since */
  begin(since) {
    for (const watched of this.#watched.values()) if (watched.since !== undefined) watched.since = since
  }

  /** The connection is lost. Tabs present again what was not answered. */
  lose() {
    for (const [key, { since }] of this.#watched) if (since === undefined) this.#forget(key)
  }

  /** @param {Record<string, { state: string, grant?: string }>} answers
   *  @param {number} since */
  answered(answers, since) {
    for (const [presented, { state, grant = presented }] of Object.entries(answers)) {
      const key = this.#key(presented)
      const watched = this.#watched.get(key)
      if (!watched) continue
      if (state !== "ok" && state !== "gap") this.#forget(key)
      else {
        watched.since ??= since
        watched.grant = grant
        if (grant !== key) this.#first.set(grant, key)
      }
    }
  }

  /** @param {string} key */
  #forget(key) {
    this.#watched.delete(key)
    for (const [grant, first] of this.#first) if (first === key) this.#first.delete(grant)
  }
}

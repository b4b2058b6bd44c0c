import { invalid } from "../invalid.js"
import { Session } from "../session.js"
import { Timer } from "../timer.js"
import { Grants } from "./grants.js"
import { ownEnding, waiting } from "./limits.js"
import { People } from "./people.js"
import { Requests } from "./requests.js"
import { Ring } from "./ring.js"
import { Upstream } from "./upstream.js"

/** @typedef {import("./tab.js").Tab} Tab */

/** Connects all tabs by one connection. To each of them it is like a small server: it begins with hello,
 *  sends what the tab has missed, and then what comes. The tab keeps its own cursor, and finds out by
 *  itself what it has lost, or that another user has logged in. */
export class Exchange {
  /** @type {Set<Tab>} */
  #tabs = new Set()
  #ring = new Ring()
  #people = new People()
  #grants = new Grants()
  #waiting = new Timer()
  #user
  #session
  #upstream
  /** The offset at which the connection began. */
  #asked = 0
  #began = false // hello has come on this connection
  /** The server's last hello, and its clock.
   *  @type {any} */
  #hello
  #sinceHello = 0

  /** @param {typeof globalThis} scope of the worker
   *  @param {import("../sse.js").Endpoint & { url: URL, user: string }} endpoint with the id of the connection */
  constructor(scope, endpoint) {
    this.#user = endpoint.user
    this.#session = new Session(endpoint, (refused) => this.#renewed(refused))
    this.#upstream = new Upstream(scope, endpoint, {
      position: () => this.#position(),
      receive: (raw) => this.#receive(raw),
      framed: () => this.#flush(),
      broken: (text) => this.#broken(text),
      lost: (ending) => this.#lost(ending),
    })
    this.requests = new Requests((body) => this.#upstream.send(body), this.#grants, this.#tabs)
  }

  /** A tab comes, perhaps again.
   *  @param {Tab} tab */
  add(tab) {
    this.#tabs.add(tab)
    this.#grants.add(tab, tab.grants, Boolean(tab.epoch))
    this.#upstream.start()
    this.#upstream.wake() // the device may have slept
    if (!this.#waiting.isSet) this.#wait()
    if (!this.#upstream.isOpen) return
    this.#settle()
    this.#flush()
  }

  /** A tab goes. With the last one the connection ends at once: the browser may put the worker to sleep
   *  together with the page.
   *  @param {Tab} tab */
  delete(tab) {
    if (!this.#tabs.delete(tab)) return
    this.requests.leave(tab)
    if (!this.#tabs.size) this.#stop()
  }

  /** A tab has handled what was on its way.
   *  @param {Tab} tab
   *  @param {number} letters */
  handled(tab, letters) {
    if (!tab.handled(letters)) return
    tab.isBehind = false
    if (tab.offset < this.#ring.floor || tab.epoch !== this.#ring.epoch) return this.#end(tab, { code: 4001 })
    this.#catchUp(tab)
    tab.flush()
  }

  /** Lets all tabs go.
   *  @param {import("../delay.js").Ending} ending */
  end(ending) {
    for (const tab of this.#tabs) this.#end(tab, ending)
  }

  /** Where the next connection begins: where the last one ended, or before that if a tab needs it. */
  #position() {
    const ring = this.#ring
    const [first] = [...this.#tabs].filter(({ epoch }) => epoch)
    if (!ring.epoch && first) ring.reset(first.epoch, first.offset)
    const { epoch, head } = ring
    const uncovered = this.#uncovered()
    for (const tab of uncovered) tab.isTried = true
    this.#asked = Math.min(head, ...uncovered.map(({ offset }) => offset))
    this.#began = false
    return { cursor: epoch && `${epoch}.${this.#asked}`, watch: this.#grants.handshake(this.#asked) }
  }

  /** The tabs that wait for what the ring does not have, or for tags that the connection has not
   *  watched for as long.
   *  @returns {Tab[]} */
  #uncovered() {
    const { epoch, floor } = this.#ring
    const lacks = (/** @type {Tab} */ { offset, grants, isTried }) => offset < floor || !(isTried || this.#grants.cover(grants, offset))
    return [...this.#tabs].filter((tab) => tab.waits && !tab.isLost && tab.epoch === epoch && lacks(tab))
  }

  /** What is wrong in a message, the tabs find out.
   *  @param {any} raw */
  #receive(raw) {
    const { module_id, command, params } = raw ?? {}
    if (isOffset(raw?.[0]) && raw[2] !== "pull:withdraw") return this.#event(raw)
    if (module_id === "online") this.#people.receive(raw)
    if (module_id === "pull") {
      if (command === "hello") return this.#welcome(params)
      if (command === "session") return this.#session.renew()
      if (command === "tick" && isOffset(params?.offset)) return this.#tick(params)
      if (this.requests.answered(command, params)) return
      if (command === "grants") this.#grants.answered(params, this.#ring.head)
    }
    const text = JSON.stringify(raw)
    this.#toAll((tab) => tab.push(text))
  }

  /** An event, which one tab may have caused and does not get. Without an offset it is of the moment.
   *  @param {any[]} raw */
  #event([id, time, name, params, extra]) {
    const { tab: except, ...more } = extra ?? {}
    const text = JSON.stringify([id, time, name, params, ...(Object.keys(more).length ? [more] : [])])
    if (!id) return this.#toAll((tab) => tab.number === except || tab.push(text))
    if (id <= this.#ring.head) return
    this.#ring.add({ id, text, tab: except })
    for (const tab of this.#tabs) this.#deliver(tab, { id, text, tab: except })
  }

  /** @param {Tab} tab
   *  @param {import("./ring.js").Kept} event */
  #deliver(tab, { id, text, tab: except }) {
    if (tab.waits || tab.isBehind || id <= tab.offset) return
    tab.offset = id
    if (tab.number !== except) tab.push(text)
  }

  /** @param {any} hello */
  #welcome(hello) {
    const { epoch, offset, user = "" } = hello
    if (String(user) !== this.#user) return this.#foreign(hello)
    if (!epoch || !isOffset(offset)) throw invalid("hello", `${epoch}.${offset}`)
    const ring = this.#ring
    const isFirst = !this.#began
    const isRemembered = isFirst && hello.recovered && epoch === ring.epoch
    if (!isRemembered) this.#lose(isFirst ? this.#asked : Infinity, epoch)
    if (isFirst && !isRemembered && epoch === ring.epoch && this.#asked < ring.head) return this.#reconnect()

    this.#began = true
    if (!isRemembered) {
      ring.reset(epoch, offset)
      this.#grants.begin(offset)
      for (const tab of this.#tabs) tab.waits = true
    } else if (this.#asked < ring.head) ring.reset(epoch, this.#asked)
    this.#hello = hello
    this.#sinceHello = performance.now()
    if (isFirst) this.#session.hello(hello.user)
    this.#upstream.greet(hello.tick)
    this.#settle()
    if (isFirst && this.#upstream.isOpen) this.requests.hello(hello)
  }

  /** Somebody else has logged in: the tabs find that out by hello, and nothing else of the connection
   *  is for them, now or later.
   *  @param {any} hello */
  #foreign(hello) {
    for (const tab of this.#tabs) {
      tab.control("hello", hello)
      tab.flush()
    }
    this.#lost({ code: ownEnding })
  }

  /** The log does not go on at an offset, or it is another.
   *  @param {number} asked
   *  @param {string} epoch */
  #lose(asked, epoch) {
    const before = this.#ring.epoch
    for (const tab of this.#tabs) tab.isLost ||= tab.epoch === before ? epoch !== before || tab.offset <= asked : tab.epoch !== epoch
  }

  /** Begins with each tab that waits, and with each that has lost something. For those that need what the
   *  ring has not, the connection begins again where they are. */
  #settle() {
    const uncovered = new Set(this.#uncovered())
    for (const tab of this.#tabs) if ((tab.waits || tab.isLost) && !uncovered.has(tab)) this.#begin(tab)
    if (uncovered.size) this.#reconnect()
  }

  /** @param {Tab} tab */
  #begin(tab) {
    const { epoch, head } = this.#ring
    const recovered = !tab.isLost && tab.epoch === epoch
    const { server_time_unix } = this.#hello
    const now = server_time_unix + (performance.now() - this.#sinceHello) / 1000
    tab.control("hello", { ...this.#hello, offset: head, recovered, server_time_unix: now })
    if (!recovered) tab.place(epoch, head)
    tab.waits = tab.isLost = tab.isBehind = false
    tab.isAhead = tab.offset > head
    const known = tab.grants.filter((grant) => this.#grants.cover([grant], tab.offset))
    if (known.length) tab.control("grants", Object.fromEntries(known.map((grant) => [grant, { state: recovered ? "ok" : "gap" }])))
    this.requests.watch(tab.grants.filter((grant) => !known.includes(grant)))
    this.#catchUp(tab)
  }

  /** @param {Tab} tab */
  #catchUp(tab) {
    for (const event of this.#ring.after(tab.offset)) this.#deliver(tab, event)
    const { message } = this.#people
    if (message) tab.push(message)
  }

  /** A tab that is ahead of the server for longer than that may be late is at a position that
   *  does not exist.
   *  @param {any} params */
  #tick(params) {
    const { epoch = this.#ring.epoch, offset } = params
    if (epoch === this.#ring.epoch) this.#ring.advance(offset)
    for (const tab of this.#tabs) {
      if (tab.waits || tab.isBehind) continue
      tab.isLost = tab.isAhead && tab.offset > offset
      tab.isAhead = tab.offset > offset
      if (!tab.isLost && epoch === tab.epoch) tab.offset = Math.max(tab.offset, offset)
      tab.control("tick", params)
    }
    this.#settle()
  }

  /** One more connection takes the place of this one: the tabs notice nothing. */
  #reconnect() {
    this.#upstream.stop()
    this.#upstream.start()
  }

  /** The tabs come back when they want, and each is told what it would have found out itself: one
   *  without hello would look for the reason, unless it has a code.
   *  @param {import("../delay.js").Ending} ending */
  #lost(ending) {
    this.#stop()
    for (const tab of this.#tabs) this.#end(tab, { ...ending, code: tab.waits && !(Number(ending.code) >= 4000) ? ownEnding : (ending.code ?? ownEnding) })
  }

  /** The login of the connection is renewed, by one request for all tabs, or it is over.
   *  @param {string} [refused] why */
  #renewed(refused) {
    if (refused) return this.#lost({ code: 4401 })
    this.#toAll((tab) => tab.control("renewed", {}))
    this.#flush()
  }

  #stop() {
    this.#session.stop()
    this.#upstream.stop()
    this.#people.clear()
    this.requests.clear()
  }

  /** @param {Tab} tab
   *  @param {import("../delay.js").Ending} ending */
  #end(tab, ending) {
    this.delete(tab)
    tab.end(ending)
  }

  /** A tab that hears nothing would look for the reason itself. */
  #wait() {
    const those = [...this.#tabs].filter((tab) => tab.waits)
    if (those.length) this.#waiting.set(waiting, () => this.#wait())
    for (const tab of those) tab.frame("[]")
  }

  /** @param {string} text */
  #broken(text) {
    this.#toAll((tab) => tab.frame(text))
    this.#ring.reset("", 0) // or the same would be sent again
  }

  /** @param {(tab: Tab) => void} run for each tab that has got hello and keeps up */
  #toAll(run) {
    for (const tab of this.#tabs) if (!tab.waits && !tab.isBehind) run(tab)
  }

  #flush() {
    for (const tab of this.#tabs) tab.flush()
  }
}

/** @param {any} number */
const isOffset = (number) => Number.isSafeInteger(number) && number >= 0

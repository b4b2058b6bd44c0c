import assert from "node:assert/strict"
import { test } from "node:test"
import { hello } from "./fakes.js"
import { fakeBrowser } from "./tabfakes.js"

/** Numbers that look random, and are the same in each run.
 *  @param {number} seed */
function chance(seed) {
  const next = () => {
    seed = (seed + 0x6d2b79f5) | 0
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (/** @type {number} */ n) => Math.floor(next() * n)
  return { below, one: (/** @type {any[]} */ list) => list[below(list.length)] }
}

/** A log, and what a server sends of it to the connections of the fake browser. */
class Log {
  epoch = "e1"
  floor = 100
  /** Offsets of the first epoch begin with 1,000, of the second with 2,000, so that no two are the same.
   *  @type {{ id: number, sender?: string, text?: string }[]} */
  events = []
  head = 100
  gaps = 0 // hellos on a live connection
  /** What has not been sent yet: of each greeted socket where it is. @type {Map<any, number>} */
  sent = new Map()
  #server

  /** @param {any} server */
  constructor(server) {
    this.#server = server
  }

  /** @param {any} [more] */
  add(more) {
    this.head += 1 + (this.head % 3)
    this.events.push({ id: this.head, ...more })
  }

  renew() {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`
    this.head += 1000
    this.floor = this.head
    this.events = []
    this.sent.clear()
  }

  trim() {
    this.floor = this.head
  }

  /** The connection that is open, if any. */
  get socket() {
    const socket = this.#server.sockets.at(-1)
    return socket && !socket.closed && !socket.dropped ? socket : undefined
  }

  /** Greets the open connection.
   *  @returns {boolean} whether it had to be */
  greet() {
    const { socket } = this
    if (!socket || this.sent.has(socket)) return false
    const [epoch, offset] = (socket.url.searchParams.get("cursor") ?? ".").split(".")
    const at = Number(offset)
    const isKnown = epoch === this.epoch && at >= this.floor && at <= this.head
    this.sent.set(socket, isKnown ? at : this.head)
    socket.say(hello({ epoch: this.epoch, offset: this.head, recovered: isKnown }))
    return true
  }

  /** Sends what the open connection has not got, as one frame of at most n events.
   *  @param {number} n */
  send(n) {
    const { socket } = this
    if (!socket || !this.sent.has(socket)) return
    const client = socket.url.searchParams.get("client")
    const next = this.events.filter(({ id }) => id > /** @type {number} */ (this.sent.get(socket))).slice(0, n)
    const frame = next.map(({ id, sender, text }) => {
      const [base, tab] = sender?.split("_") ?? []
      return [id, 1_800_000_000_000, "tasks:update", { ID: id, text }, ...(base === client ? [{ tab }] : [])]
    })
    if (!frame.length) return
    this.sent.set(socket, /** @type {any} */ (next.at(-1)).id)
    socket.say(...frame)
  }

  tick() {
    const { socket } = this
    if (!socket || !this.sent.has(socket) || this.sent.get(socket) !== this.head) {
      if (!this.events.length || this.sent.get(socket) !== this.events.at(-1)?.id) return
    }
    socket?.say({ module_id: "pull", command: "tick", params: { epoch: this.epoch, offset: this.head } })
  }

  /** The log broke, and goes on. */
  lose() {
    const { socket } = this
    if (!socket || !this.sent.has(socket)) return
    this.gaps++
    this.sent.set(socket, this.head)
    socket.say(hello({ epoch: this.epoch, offset: this.head, recovered: false }))
  }

  /** @param {number} code */
  drop(code) {
    const { socket } = this
    if (!socket) return
    socket.dropped = true
    socket.drop(code)
  }
}

/** What a tab has heard must be what a connection of its own would have brought: each event after
 *  its position once and in order, save what it has caused itself, or a gap that has a reason. */
class Watched {
  isDead = false
  heard = 0
  /** @type {unknown} */
  failure
  #log
  #epoch
  #offset
  #gaps

  /** @param {Log} log
   *  @param {any} tab
   *  @param {string | null} cursor */
  constructor(log, tab, cursor) {
    this.tab = tab
    this.#log = log
    const [epoch, offset] = cursor?.split(".") ?? []
    this.#epoch = epoch
    this.#offset = Number(offset)
    this.#gaps = log.gaps
    tab.pull.on("message", (/** @type {any} */ { params }) => this.#check(() => this.#heard(params.ID)))
    tab.pull.on("gap", () => this.#check(() => this.#gap()))
    tab.pull.on("error", (/** @type {string} */ code, /** @type {string} */ reason) =>
      this.#check(() => assert.equal(code, "CONNECT_ERROR", reason)))
  }

  /** The client does not let an error of the page through.
   *  @param {() => void} run */
  #check(run) {
    try {
      run()
    } catch (error) {
      this.failure ??= error
    }
  }

  /** What it has not heard between two offsets.
   *  @param {number} to */
  #missed(to) {
    return this.#log.events.filter(({ id, sender }) => id > this.#offset && id < to && sender !== this.tab.pull.clientId)
  }

  /** @param {number} id */
  #heard(id) {
    const { tab } = this
    const event = this.#log.events.find((one) => one.id === id)
    const [epoch] = tab.pull.cursor.split(".")
    this.#epoch ??= epoch
    if (Number.isNaN(this.#offset)) this.#offset = id - 1 // it began without a cursor
    assert.ok(id > this.#offset, `${id} after ${this.#offset}`)
    if (this.#epoch === this.#log.epoch) {
      assert.notEqual(event?.sender, tab.pull.clientId, `${id} was its own`)
      assert.deepEqual(this.#missed(id), [], `missed before ${id}`)
    }
    this.#offset = id
    this.heard++
  }

  #gap() {
    const { epoch, floor, gaps } = this.#log
    assert.ok(this.#epoch !== epoch || this.#offset < floor || this.#gaps !== gaps, `a gap at ${this.#epoch}.${this.#offset}, though the log is at ${epoch}.${floor}`)
    const [at, offset] = this.tab.pull.cursor.split(".")
    this.#epoch = at
    this.#offset = Number(offset)
    this.#gaps = gaps
  }

  /** In the end it has everything. */
  isComplete() {
    assert.ok(this.tab.pull.isConnected(), "not connected")
    if (Number.isNaN(this.#offset)) return
    assert.deepEqual([this.#epoch, this.#missed(Infinity)], [this.#log.epoch, []])
  }
}

/** @param {import("node:test").TestContext} t
 *  @param {number} seed */
async function play(t, seed) {
  const { below, one } = chance(seed)
  const browser = fakeBrowser(t)
  const log = new Log(browser.server)
  /** @type {Watched[]} */
  const tabs = []
  const any = () => one(tabs.filter(({ isDead }) => !isDead))
  /** @type {string[]} */
  const story = []

  /** @type {Record<string, () => any>} */
  const steps = {
    open() {
      if (tabs.filter(({ isDead }) => !isDead).length > 5) return
      const back = one([0, 0, 5, 20])
      const cursor = below(6) ? `${log.epoch}.${Math.max(log.floor - below(2) * 3, log.head - back)}` : null
      const watched = new Watched(log, browser.tab({ cursor, url: new URL("./tabs/", import.meta.url).href }), cursor)
      tabs.push(watched)
      return watched.tab.start()
    },
    send: () => log.add({ sender: below(3) ? undefined : any()?.tab.pull.clientId }),
    big: () => log.add({ text: "x".repeat(400_000) }),
    bring: () => void (log.greet() || log.send(1 + below(4))),
    more: () => void (log.greet() || log.send(100)),
    tick: () => log.tick(),
    drop: () => log.drop(one([1006, 1012, 4001, 1001])),
    lose: () => below(4) || log.lose(),
    renew: () => below(6) || (log.drop(1012), log.renew()),
    trim: () => below(3) || log.trim(),
    stop: () => any()?.tab.pull.stop(),
    start: () => any()?.tab.start(),
    freeze: () => any()?.tab.freeze(),
    thaw: () => any()?.tab.thaw(),
    /** More comes than the worker keeps, while a tab is frozen. */
    async sleep() {
      const { tab } = any() ?? {}
      tab?.freeze()
      for (let i = 0; i < 2; i++) {
        for (let n = 0; n < 4; n++) log.add({ text: "x".repeat(400_000) })
        log.greet() || log.send(100)
        await browser.pass(0)
      }
      if (below(2)) await tab?.thaw()
    },
    hide: () => any()?.tab.page.fire("pagehide"),
    show: () => any()?.tab.page.fire("pageshow"),
    async crash() {
      const gone = any()
      if (!gone || below(2)) return
      await gone.tab.crash()
      gone.isDead = true
      gone.tab.pull.stop()
    },
    async kill() {
      if (below(5)) return
      browser.kill()
    },
    wait: () => browser.pass(one([0, 100, 1000, 5000, 20_000])),
  }
  const names = [...Object.keys(steps), "open", "send", "send", "bring", "bring", "more", "more", "tick"]

  try {
    for (let i = 0; i < 60; i++) {
      const name = one(names)
      story.push(name)
      await steps[name]()
      await browser.pass(one([0, 0, 50]))
      for (const { failure } of tabs) if (failure) throw failure
    }
    story.push("end")
    for (const { tab, isDead } of tabs) {
      await tab.thaw()
      if (!isDead) await tab.start()
    }
    for (let i = 0; i < 60; i++) {
      await browser.pass(2000)
      for (let n = 0; n < 3; n++) {
        log.greet() || log.send(100)
        await browser.pass(0)
      }
      if (i % 10 === 9) log.tick()
    }
    for (const { failure } of tabs) if (failure) throw failure
    for (const watched of tabs) if (!watched.isDead) watched.isComplete()
  } catch (error) {
    throw new Error(`seed ${seed}: ${story.join(" ")}`, { cause: error })
  }
}

const [from, to] = (process.env.TABS_SEEDS ?? "1-20").split("-").map(Number)
for (let seed = from; seed <= to; seed++) {
  test(`whatever tabs, worker and server do, each tab gets what a connection of its own would bring (${seed})`, (t) => play(t, seed))
}

import assert from "node:assert/strict"
import { test } from "node:test"
import { install } from "../src/bxpull.js"
import { LegacyPull } from "../src/legacy.js"
import { event, FakePage, fakeSockets, fakeTime, hello } from "./fakes.js"

/** What matters of a real BX core here: names in any case, and no isolation. */
function core() {
  /** @type {[string, Function][]} */
  const handlers = []
  return {
    addCustomEvent(/** @type {any[]} */ ...args) {
      const [name, handler] = args.slice(-2)
      handlers.push([name.toLowerCase(), handler])
    },
    onCustomEvent(/** @type {any} */ target, /** @type {string} */ name, /** @type {any[]} */ args) {
      for (const [of, handler] of handlers) if (of === name.toLowerCase()) handler.apply(target, args)
    },
  }
}

/** @param {import("node:test").TestContext} t
 *  @param {object} [tag]
 *  @param {(page: FakePage) => void} [prepare] */
function scripted(t, tag, prepare = () => {}) {
  const page = new FakePage()
  t.after(() => /** @type {any} */ (page)[Symbol.for("echo-pull")]?.stop())
  const time = fakeTime(t)
  const server = fakeSockets()
  page.WebSocket = server.WebSocket
  page.document.readyState = "loading"
  prepare(page)
  install(page, { url: "/pull", user: "42", ...tag })
  return { page, server, time, ready: () => (page.fire("DOMContentLoaded"), time.pass(0)) }
}

for (const [name, replace] of /** @type {[string, (page: FakePage) => void][]} */ ([
  ["replaces BX", (page) => (page.BX = { ...page.BX, ...core() })],
  ["fills BX", (page) => Object.assign(page.BX, core())],
])) {
  test(`a real core that is loaded later and ${name}: hooks from before and after run, each once`, (t) => {
    const { page, server, ready } = scripted(t)
    /** @type {string[]} */
    const calls = []
    page.BX.addCustomEvent("onPullEvent-Tasks", () => calls.push("before"))
    replace(page)
    page.BX.addCustomEvent("onPullEvent-Tasks", () => calls.push("after"))
    ready()
    server.last.say(hello(), event(101))
    assert.deepEqual(calls.sort(), ["after", "before"])
  })
}

test("BXMobileApp finds the core that is loaded later", (t) => {
  const { page, server, ready } = scripted(t, { platform: "mobile" })
  /** @type {string[]} */
  const calls = []
  page.BXMobileApp.addCustomEvent("onPull-tasks", () => calls.push("before"))
  page.BX = { ...page.BX, ...core() }
  page.BXMobileApp.addCustomEvent("onPull-tasks", () => calls.push("after"))
  ready()
  server.last.say(hello(), event(101))
  assert.deepEqual(calls.sort(), ["after", "before"])
})

test("an original BX.PULL that is there before stays, with a warning", (t) => {
  const warn = t.mock.method(console, "warn", () => {}).mock
  const theirs = {}
  const { page } = scripted(t, {}, (page) => (page.BX = { ...core(), PULL: theirs }))
  assert.deepEqual([page.BX.PULL, warn.callCount()], [theirs, 1])
})

test("BX is no function while a core may come, and finds elements by their id afterwards", (t) => {
  const { page, ready } = scripted(t)
  assert.equal(typeof page.BX, "object") // a core does not load where it is a function
  const node = {}
  Object.assign(page.document, { getElementById: (/** @type {string} */ id) => (id === "x" ? node : null) })
  const { PULL } = page.BX
  ready()
  assert.deepEqual([page.BX("x"), page.BX("y"), page.BX(node), page.BX.PULL], [node, null, node, PULL])
})

test("the helpers that scripts beside the hooks use", (t) => {
  const { page } = scripted(t)
  const { BX } = page
  assert.equal(BX.namespace("My.Own"), BX.My.Own)
  assert.equal(BX.namespace("BX.My.Own"), BX.My.Own)
  assert.deepEqual([BX.message("A"), BX.message({ A: "a", constructor: "c" }), BX.message("A"), BX.message("toString")], ["", true, "a", ""])
  assert.deepEqual([{}, [], null, new Date()].map(BX.type.isPlainObject), [true, false, false, false])
  assert.deepEqual([{ nodeType: 1 }, {}, null].map(BX.type.isElementNode), [true, false, false])
  let calls = 0
  const target = new EventTarget()
  BX.bind(target, "x", () => calls++)
  BX.bind(null, "x", () => {})
  target.dispatchEvent(new Event("x"))
  assert.equal(calls, 1)
})

test("what unguarded code calls of BX.PULL is there", async (t) => {
  const { page, server, time, ready } = scripted(t)
  ready()
  const { PULL } = page.BX
  for (const name of "updateState tryConnect tryConnectDelay tryConnectSet setPrivateVar returnPrivateVar expireConfig updateChannelID closeConfirm".split(" ")) {
    assert.doesNotThrow(() => PULL[name](1, 2), name)
  }
  assert.deepEqual([PULL.getRevision(), PULL.isPublishingEnabled(), PULL.isPublishingSupported()], [19, true, true])
  assert.deepEqual([PULL.getPullServerStatus(), PULL.isWebSoketConnected()], [false, false])
  server.last.say(hello())
  assert.deepEqual([PULL.getPullServerStatus(), PULL.isWebSoketConnected()], [true, true])
  assert.equal(typeof PULL.supportWebSocket(), "boolean")
  assert.equal(page.BX.PullClient.CloseReasons.MANUAL, 3004)
  await PULL.subscribeUserStatusChange(1, () => {}).then(() => {})
  PULL.restart(3004, "mine")
  time.pass(0)
  assert.equal(server.sockets.length, 2)
  PULL.disconnect(1000, "mine")
  time.pass(3_600_000)
  assert.equal(server.sockets.length, 2)
})

test("new BX.PullClient() takes what the script tag says, under an id of its own", (t) => {
  const { page } = scripted(t)
  const other = new page.BX.PullClient()
  assert.ok(other instanceof LegacyPull)
  assert.equal(other.getDebugInfo().url, "https://example.com/pull")
  assert.equal(other.getDebugInfo().user, "42")
  assert.notEqual(other.clientId, page.BX.PULL.clientId)
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { install } from "../src/bxpull.js"
import { Pull } from "../src/pull.js"
import { consoleErrors, event, FakePage, fakeSockets, fakeTime, hello } from "./fakes.js"

/** A page on which the script has run.
 *  @param {import("node:test").TestContext} t
 *  @param {object} tag
 *  @param {(page: FakePage) => void} [prepare] */
function scripted(t, tag, prepare = () => {}) {
  const page = new FakePage()
  t.after(() => page.BX?.PULL?.stop?.())
  const time = fakeTime(t)
  const server = fakeSockets()
  page.WebSocket = server.WebSocket
  prepare(page)
  install(page, tag)
  time.pass(0)
  return { page, server, time }
}

test("without a url the names are there, and nothing connects", (t) => {
  const { page, server } = scripted(t, {})
  assert.ok(page.Pull.prototype instanceof Pull)
  assert.equal(page.BX.PullClient, page.Pull)
  assert.deepEqual(Object.keys(page.BX).sort(), ["PULL", "PullClient", "addCustomEvent", "bind", "delegate", "message", "namespace", "onCustomEvent", "proxy", "ready", "removeCustomEvent", "type"])
  assert.equal(page.BXMobileApp, undefined)
  assert.equal(server.sockets.length, 0)
  assert.equal(page.Pull.SubscriptionType.Server, "server")
  assert.deepEqual(page.Pull.PullStatus, { Online: "online", Offline: "offline", Connecting: "connect" })
})

for (const tag of /** @type {any[]} */ ([false, {}, { off: "guest" }, { off: "section", url: "/pull", user: "42" }])) {
  test(`unguarded code finds BX.PULL on a page whose tag is ${JSON.stringify(tag)}, and nothing is sent`, async (t) => {
    const { page, server, time } = scripted(t, tag, (page) => {
      page.fetch = async () => assert.fail("a request")
    })
    const { PULL, PullClient } = page.BX
    /** @type {string[]} */
    const told = []
    page.BX.addCustomEvent("onPullStatus", (/** @type {string} */ state) => told.push(state))
    page.BX.addCustomEvent("onPullError", (/** @type {string} */ code) => told.push(code))
    PULL.subscribe({ moduleId: "tasks", callback() {} })
    PULL.extendWatch("TASK_7", true)
    PULL.clearWatch("TASK_7")
    PULL.extendWatch("TASK_8")
    const asked = assert.rejects(PULL.getUsersLastSeen([7]), /no answer/)
    PULL.subscribeUserStatusChange(7, () => {})
    assert.deepEqual([await PULL.start(), await PULL.restart(), await new PullClient().start()], [true, true, true])
    page.fire("online", "focus", "visibilitychange", "pagehide", "pageshow")
    for (let hour = 0; hour < 24; hour++) time.pass(3_600_000)
    await asked
    assert.deepEqual([server.sockets.length, PULL.isConnected(), PULL.getDebugInfo().transport], [0, false, undefined])
    assert.ok(!told.includes("connect") && !told.includes("CONNECT_ERROR"))
    PULL.stop()
  })
}

test("with a url the client exists at once and starts when the document is ready", (t) => {
  const { page, server, time } = scripted(t, { url: "/pull", user: "42", cursor: "k3f9.9" }, (page) => {
    page.document.readyState = "loading"
  })
  assert.ok(page.BX.PULL instanceof Pull)
  assert.equal(page.BX.PULL.cursor, "k3f9.9")
  assert.equal(server.sockets.length, 0)
  page.fire("DOMContentLoaded")
  time.pass(0)
  assert.equal(server.sockets.length, 1)
})

test("a late script starts at once, and BX.PULL.start is idempotent", async (t) => {
  const { page, server } = scripted(t, { url: "/pull" })
  assert.equal(await page.BX.PULL.start(), true)
  assert.equal(server.sockets.length, 1)
})

test("another client leaves the page's hooks to the page's own", (t) => {
  /** @type {unknown[]} */
  const calls = []
  const { page, server, time } = scripted(t, { url: "/pull" })
  page.BX.addCustomEvent("onPullEvent-tasks", (/** @type {string} */ command) => calls.push(command))
  const own = server.last
  const other = new Pull(/** @type {any} */ ({ url: "/pull", page, WebSocket: page.WebSocket }))
  t.after(() => other.stop())
  other.subscribe({ moduleId: "tasks", callback: (/** @type {any} */ { command }) => calls.push(`own ${command}`) })
  other.start()
  time.pass(0)
  own.say(hello(), event(101, { module_id: "tasks", command: "update" }))
  server.last.say(hello(), event(101, { module_id: "tasks", command: "update" }))
  assert.deepEqual(calls, ["update", "own update"])
})

test("hooks registered before and after the start run, with exactly their arguments", (t) => {
  /** @type {unknown[][]} */
  const calls = []
  const { page, server } = scripted(t, { url: "/pull" })
  page.BX.addCustomEvent("onPullEvent-moduleName", page.BX.delegate((/** @type {any[]} */ ...args) => calls.push(args), page))
  server.last.say(hello(), event(101, { module_id: "ModuleName", extra: {} }))
  page.BX.addCustomEvent("onPullEvent", (/** @type {any[]} */ ...args) => calls.push(args))
  server.last.say(event(102, { module_id: "im", extra: {} }))
  const extra = { sender: { type: 2 }, server_time_ago: 0 }
  assert.deepEqual(calls, [["update", { ID: 101 }, extra], ["im", "update", { ID: 102 }, extra]])
})

test("a mobile page has BXMobileApp, and only the hooks of a mobile page", (t) => {
  /** @type {unknown[]} */
  const calls = []
  const { page, server } = scripted(t, { url: "/pull", platform: "mobile" })
  page.BXMobileApp.addCustomEvent("onPull-tasks", (/** @type {any} */ data) => calls.push(data.command, data.params))
  page.BX.addCustomEvent("onPullEvent-tasks", () => calls.push("desktop"))
  server.last.say(hello(), event(101))
  assert.deepEqual(calls, ["update", { ID: 101 }])
})

test("each handler of a hook gets its own copy, and one that throws stops no other", (t) => {
  consoleErrors(t)
  const { page, server } = scripted(t, { url: "/pull" })
  /** @type {unknown[]} */
  const seen = []
  page.BX.addCustomEvent("onPullEvent-tasks", (/** @type {any} */ _, /** @type {any} */ params) => {
    params.ID = "changed"
    throw new Error("mine")
  })
  page.BX.addCustomEvent("onPullEvent-tasks", (/** @type {any} */ _, /** @type {any} */ params) => seen.push(params.ID))
  page.BX.addCustomEvent("onPullEvent", (/** @type {any} */ _, /** @type {any} */ __, /** @type {any} */ params) => seen.push(params.ID))
  server.last.say(hello(), event(101))
  assert.deepEqual(seen, [101, 101])
})

test("a real BX keeps all that it has, and runs the hooks", (t) => {
  /** @type {unknown[][]} */
  const calls = []
  const real = {
    addCustomEvent() {},
    removeCustomEvent() {},
    onCustomEvent: (/** @type {any[]} */ ...args) => calls.push(args),
    delegate() {},
    proxy() {},
    ready() {},
    bind() {},
    message() {},
    namespace() {},
    type: {},
  }
  t.mock.method(console, "warn", () => {})
  const { page, server } = scripted(t, { url: "/pull" }, (page) => {
    page.BX = { ...real, PULL: "theirs", PullClient: "theirs" }
  })
  assert.deepEqual(page.BX, { ...real, PULL: "theirs", PullClient: "theirs" })
  server.last.say(hello())
  assert.deepEqual(calls.at(-1), [page, "onPullStatus", ["online"], true])
  page.BX.PULL = /** @type {any} */ (page)[Symbol.for("echo-pull")] // so that it is stopped
})

test("a BX without custom events gets only what is missing", (t) => {
  const message = () => {}
  const { page } = scripted(t, {}, (page) => {
    page.BX = { message }
  })
  assert.equal(page.BX.message, message)
  assert.equal(typeof page.BX.onCustomEvent, "function")
})

test("a second copy of the script makes no second client and replaces no name", (t) => {
  const { page, server, time } = scripted(t, { url: "/pull" })
  const before = { ...page.BX }
  install(page, { url: "/pull" })
  time.pass(0)
  assert.deepEqual({ ...page.BX }, before)
  assert.equal(server.sockets.length, 1)
})

test("the first copy may only define the names", (t) => {
  const { page, server } = scripted(t, { url: "/pull" }, (page) => install(page, {}))
  assert.ok(page.BX.PULL)
  assert.equal(server.sockets.length, 1)
})

test("data-extend says how often watches are extended, in any notation", (t) => {
  const { page, server, time } = scripted(t, { url: "/pull", extend: "2e0" })
  server.last.say(hello())
  page.BX.PULL.extendWatch("TASK_7")
  time.pass(2000)
  assert.deepEqual(server.last.sent, ['{"extend":["TASK_7"]}'])
  assert.doesNotThrow(() => install(new FakePage(), { url: "/pull", extend: "often" }))
})

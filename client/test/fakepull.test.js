import assert from "node:assert/strict"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { pathToFileURL } from "node:url"
import { bundleTesting } from "../npm.js"
import { consoleErrors, hookedPage } from "./fakes.js"

const folder = await mkdtemp(join(tmpdir(), "pull-testing-"))
after(() => rm(folder, { recursive: true }))
const url = pathToFileURL(folder + "/")
await bundleTesting(url)

/** @type {typeof import("../testing.js")} */
const { FakePull } = await import(new URL("testing.mjs", url).href)

/** What an application is called with.
 *  @param {import("../testing.js").FakePull} pull */
function recorded(pull) {
  /** @type {unknown[][]} */
  const calls = []
  for (const name of /** @type {const} */ (["status", "gap", "session", "error", "online"])) {
    pull.on(/** @type {any} */ (name), (/** @type {any[]} */ ...args) => calls.push([name, ...args.map((one) => one.command ?? one)]))
  }
  pull.subscribe({ moduleId: "tasks", callback: ({ command, params }) => calls.push([command, params.ID]) })
  return { calls, since: () => calls.splice(0) }
}

/** @param {number} ID */
const update = (ID) => ["update", ID]

test("an event reaches each form of callback before the call returns, as its own copy", () => {
  const pull = new FakePull()
  /** @type {any[]} */
  const calls = []
  pull.subscribe({ moduleId: "tasks", callback: ({ command, params }) => (calls.push([command, params.ID]), (params.ID = 0)) })
  pull.subscribe({ moduleId: "Tasks", command: "update", callback: (params, extra, command) => calls.push([command, params.ID, extra.sender.type, extra.by]) })
  pull.subscribe({ getModuleId: () => "tasks", handleUpdate: (/** @type {any} */ params) => calls.push(["handler", params.ID]) })
  pull.on("message", ({ id, module_id, params }) => calls.push([id, module_id, params.ID]))
  pull.event("tasks", "update", { ID: 7 }, { by: "ann" })
  assert.deepEqual(calls, [[1, "tasks", 7], ["update", 7], ["handler", 7], ["update", 7, 2, "ann"]])
})

test("params are what JSON makes of them, and what it cannot encode throws", () => {
  const pull = new FakePull()
  /** @type {any} */
  let got
  pull.subscribe({ moduleId: "tasks", command: "update", callback: (params) => (got = params) })
  pull.event("tasks", "update", { due: new Date(0), by: undefined })
  assert.deepEqual(got, { due: "1970-01-01T00:00:00.000Z" })
  assert.throws(() => pull.event("tasks", "update", { ID: 7n }), TypeError)
  pull.event("tasks", "update")
  assert.deepEqual([got, pull.cursor], [{}, "fake.2"])
})

test("the cursor moves with the events from where the page was rendered", () => {
  assert.equal(new FakePull().cursor, null)
  const pull = new FakePull({ cursor: "k3f9.41" })
  const { since } = recorded(pull)
  pull.start()
  assert.deepEqual([pull.cursor, since()], ["k3f9.41", [["status", "connect"], ["status", "online"]]])
  pull.event("tasks", "update", { ID: 7 })
  assert.deepEqual([pull.cursor, since()], ["k3f9.42", [update(7)]])
})

test("start connects in the call, and a page that has stopped gets what it missed when it starts again", () => {
  const pull = new FakePull()
  pull.start()
  const { since } = recorded(pull)
  assert.equal(pull.isConnected(), true)
  pull.event("tasks", "update", { ID: 1 })
  pull.stop()
  pull.event("tasks", "update", { ID: 2 })
  pull.event("tasks", "update", { ID: 3 })
  assert.deepEqual(since(), [update(1), ["status", "offline"]])
  pull.start()
  assert.deepEqual(since(), [["status", "connect"], ["status", "online"], update(2), update(3)])
})

test("status cuts the connection, and online brings what was missed, once", () => {
  const pull = new FakePull()
  const { since } = recorded(pull)
  pull.status("online")
  pull.status("offline")
  pull.event("tasks", "update", { ID: 1 })
  assert.deepEqual([since(), pull.isConnected()], [[["status", "connect"], ["status", "online"], ["status", "offline"]], false])
  pull.status("connect")
  pull.status("online")
  pull.status("online")
  assert.deepEqual([since(), pull.isConnected()], [[["status", "connect"], ["status", "online"], update(1)], true])
  pull.status("connect")
  assert.deepEqual(since(), [["status", "offline"], ["status", "connect"]])
})

test("a page that is opened offline connects when it can", () => {
  const pull = new FakePull()
  pull.status("offline")
  pull.start()
  const { since } = recorded(pull)
  assert.equal(pull.isConnected(), false)
  pull.status("online")
  assert.deepEqual(since().at(-1), ["status", "online"])
})

test("a gap is reported to a page that is connected, and to one that returns, without what was before it", () => {
  const pull = new FakePull()
  const { since } = recorded(pull)
  pull.gap()
  assert.deepEqual(since(), [["status", "connect"], ["status", "online"], ["gap"]])
  pull.event("tasks", "update", { ID: 1 })
  pull.status("offline")
  pull.event("tasks", "update", { ID: 2 })
  pull.gap()
  pull.event("tasks", "update", { ID: 3 })
  assert.deepEqual(since(), [update(1), ["status", "offline"]])
  pull.status("online")
  assert.deepEqual(since(), [["status", "connect"], ["status", "online"], ["gap"]])
  pull.event("tasks", "update", { ID: 4 })
  assert.deepEqual(since(), [update(4)])
})

test("a refusal is AUTHORIZE_ERROR: after 401 the page returns by itself, after 403 with start", () => {
  const pull = new FakePull()
  pull.start()
  const { since } = recorded(pull)
  pull.refuse(401)
  assert.deepEqual(since(), [["status", "offline"], ["error", "AUTHORIZE_ERROR", "status 401"]])
  pull.status("online")
  assert.deepEqual(since(), [["status", "connect"], ["status", "online"]])
  pull.refuse()
  assert.deepEqual(since(), [["status", "offline"], ["error", "AUTHORIZE_ERROR", "status 403"]])
  pull.status("online")
  assert.deepEqual([since(), pull.isConnected()], [[], false])
  pull.start()
  assert.deepEqual(since(), [["status", "connect"], ["status", "online"]])
})

test("a page may be refused when it starts", () => {
  const pull = new FakePull()
  const { since } = recorded(pull)
  pull.refuse()
  assert.deepEqual(since(), [])
  pull.start()
  assert.deepEqual(since(), [["status", "connect"], ["status", "offline"], ["error", "AUTHORIZE_ERROR", "status 403"]])
})

test("another login ends the session of the page", () => {
  const pull = new FakePull({ user: 42 })
  pull.start()
  const { since } = recorded(pull)
  pull.login(42)
  since()
  pull.login("7")
  assert.deepEqual(since().slice(-2), [["error", "AUTHORIZE_ERROR", "another user"], ["session"]])
  pull.event("tasks", "update", { ID: 1 })
  assert.deepEqual([since(), pull.isConnected()], [[], false])
})

test("a login that is over stops the page, and start goes on without a gap", () => {
  const pull = new FakePull()
  const { since } = recorded(pull)
  pull.endSession()
  assert.deepEqual(since().slice(-3), [["status", "offline"], ["error", "AUTHORIZE_ERROR", "session over"], ["session"]])
  pull.event("tasks", "update", { ID: 1 })
  pull.status("online")
  pull.endSession()
  assert.deepEqual([since(), pull.isConnected()], [[], false])
  pull.start()
  assert.deepEqual(since(), [["status", "connect"], ["status", "online"], update(1)])
})

test("the options of a page with a token fit, and none of their functions is called", () => {
  const unused = () => assert.fail("called")
  const pull = new FakePull({ url: unused, token: unused, headers: unused })
  pull.event("tasks", "update", { ID: 1 })
  assert.equal(pull.isConnected(), true)
})

test("what a callback throws goes to the console and stops nothing", (t) => {
  const errors = consoleErrors(t)
  const pull = new FakePull()
  pull.subscribe({ moduleId: "tasks", callback: () => assert.fail("broken") })
  const { since } = recorded(pull)
  pull.event("tasks", "update", { ID: 7 })
  assert.deepEqual([since().at(-1), errors.callCount()], [update(7), 1])
})

test("watches are granted, and users of module online are known", async () => {
  const pull = new FakePull()
  const { since } = recorded(pull)
  /** @type {unknown[]} */
  const ids = []
  pull.on("online", ({ params }) => ids.push(params.USER_ID))
  pull.event("online", "user_online", { USER_ID: 7 })
  pull.event("online", "user_offline", { USER_ID: "8" })
  assert.deepEqual(since().slice(2), [["online", "user_online"], ["online", "user_offline"]])
  assert.deepEqual(ids, ["7", "8"]) // as the server has them
  assert.deepEqual([await pull.getUsersLastSeen([7, 8, 9]), pull.cursor], [{ 7: 0, 8: 1 }, "fake.0"])
  pull.extendWatch("TASK_7", true)
  assert.deepEqual(pull.getDebugInfo().watches, ["TASK_7"])
})

test("the hooks of BX run where the page has BX", () => {
  const { page, hooks } = hookedPage()
  const pull = new FakePull({ page: /** @type {any} */ (page) })
  pull.event("tasks", "update", { ID: 7 })
  pull.gap()
  assert.deepEqual(hooks.map(([name]) => name), ["onPullStatus", "onPullStatus", "onPullEvent-tasks", "onPullEvent", "onPullGap"])
  assert.deepEqual(hooks[2].slice(1, 3), ["update", { ID: 7 }])
})

test("two of them share nothing", () => {
  const [one, other] = [new FakePull(), new FakePull()]
  const [ofOne, ofOther] = [recorded(one), recorded(other)]
  one.event("tasks", "update", { ID: 1 })
  other.status("offline")
  other.start()
  one.gap()
  assert.deepEqual(ofOne.since(), [["status", "connect"], ["status", "online"], update(1), ["gap"]])
  assert.deepEqual(ofOther.since(), [["status", "connect"], ["status", "offline"]])
  assert.notEqual(one.clientId, other.clientId)
})

test("a page that wakes up finds the server as it is", async () => {
  const { page } = hookedPage()
  const pull = new FakePull({ page: /** @type {any} */ (page) })
  pull.start()
  const { since } = recorded(pull)
  page.fire("pagehide")
  assert.equal(pull.isConnected(), false)
  pull.event("tasks", "update", { ID: 1 })
  page.fire("pageshow")
  await null
  assert.deepEqual([since().at(-1), pull.isConnected()], [update(1), true])
  pull.status("offline")
  page.fire("focus")
  await null
  assert.equal(pull.isConnected(), false)
})

test("there are no notifications, and it says so with a code", async () => {
  const pull = new FakePull()
  pull.read("im-7")
  assert.equal(await pull.push.state(), "unsupported")
  await assert.rejects(pull.push.enable(), { code: "unsupported", message: "pull: a fake client has no notifications" })
  await pull.push.disable()
})

test("no timer is set and no socket opened", async (t) => {
  const timers = [t.mock.method(globalThis, "setTimeout"), t.mock.method(globalThis, "setInterval")]
  const fetched = t.mock.method(globalThis, "fetch")
  const pull = new FakePull({ user: 42 })
  recorded(pull)
  pull.start()
  pull.extendWatch("TASK_7")
  await pull.getUsersLastSeen(7)
  pull.event("tasks", "update", { ID: 1 })
  pull.gap()
  pull.status("offline")
  pull.status("online")
  pull.refuse(401)
  pull.login(7)
  pull.stop()
  assert.deepEqual([...timers, fetched].map(({ mock }) => mock.callCount()), [0, 0, 0])
})

test("an event that a callback causes comes when all have got the one before", () => {
  const pull = new FakePull()
  /** @type {string[]} */
  const got = []
  pull.subscribe({ moduleId: "tasks", command: "update", callback: ({ ID }) => ID === 1 && pull.event("tasks", "update", { ID: 2 }) })
  pull.subscribe({ moduleId: "tasks", command: "update", callback: ({ ID }) => got.push(ID) })
  pull.event("tasks", "update", { ID: 1 })
  assert.deepEqual([got, pull.cursor], [[1, 2], "fake.2"])
})

test("a message of another page reaches the callbacks for clients, has no offset, and is lost while the page is away", () => {
  const pull = new FakePull()
  /** @type {any[]} */
  const calls = []
  pull.subscribe({ type: "client", moduleId: "im", command: "typing", callback: (params, { sender }) => calls.push([params, sender]) })
  pull.subscribe({ moduleId: "im", callback: () => calls.push("as the server's") })
  pull.client(7, "im", "typing", { on: true })
  pull.status("offline")
  pull.client("7", "im", "typing")
  pull.status("online")
  assert.deepEqual([calls, pull.cursor], [[[{ on: true }, { type: 1, id: "7" }]], "fake.0"])
})

test("what a page sends to others is seen, and answered as the test wants", async () => {
  const pull = new FakePull()
  await assert.rejects(pull.send("7", "im", "typing"), { code: "offline" })
  pull.status("online")
  await pull.send(["7", "8"], "im", "typing", { on: true }, { expiry: 3 })
  pull.sending = "limit"
  await assert.rejects(pull.send({ tag: "TASK_7" }, "im", "typing"), { code: "limit" })
  assert.deepEqual(pull.sent, [
    { target: ["7", "8"], module: "im", command: "typing", params: { on: true }, expiry: 3 },
    { target: { tag: "TASK_7" }, module: "im", command: "typing", params: {}, expiry: 10 },
  ])
})

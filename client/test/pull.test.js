import assert from "node:assert/strict"
import { test } from "node:test"
import { Pull } from "../src/pull.js"
import { array, client, consoleErrors, event, fakeSockets, hello, hookedPage } from "./fakes.js"

/** @param {[string, ...unknown[]][]} hooks */
const names = (hooks) => hooks.map(([name]) => name).filter((name) => name !== "onPullStatus")

/** @param {object} rest */
const online = (rest) => ({ module_id: "online", ...rest })

test("each message runs its hooks once and in order", (t) => {
  const { server, hooks } = client(t)
  server.last.say(hello(), event(101), event(102), event(101), event(100))
  const seen = hooks.filter(([name]) => name === "onPullEvent").map(([, , , params]) => params)
  assert.deepEqual(seen, [{ ID: 101 }, { ID: 102 }])
})

test("arrays move the cursor and run the hooks like objects", (t) => {
  const { server, hooks, pull } = client(t)
  server.last.say(hello(), array(101), event(102), array(103), array(101))
  const seen = hooks.filter(([name]) => name === "onPullEvent-tasks").map(([, command, params]) => [command, params])
  assert.deepEqual(seen, [["update", { ID: 101 }], ["update", { ID: 102 }], ["update", { ID: 103 }]])
  assert.deepEqual(hooks.at(-1)?.at(-1), { server_time: "2027-01-15T08:00:00Z", server_time_unix: 1_800_000_000, server_time_ago: 0, sender: { type: 2 } })
  assert.equal(pull.cursor, "k3f9.103")
})

test("a desktop page gets the hooks of a desktop page", (t) => {
  const { server, hooks } = client(t)
  server.last.say(hello(), event(101, { module_id: "Tasks" }))
  assert.deepEqual(hooks.slice(2), [
    ["onPullEvent-tasks", "update", { ID: 101 }, { server_time_unix: 1_800_000_000, server_time_ago: 0, sender: { type: 2 } }],
    ["onPullEvent", "tasks", "update", { ID: 101 }, { server_time_unix: 1_800_000_000, server_time_ago: 0, sender: { type: 2 } }],
  ])
})

test("a mobile page gets the hooks of a mobile page, and its status as an object", (t) => {
  const { server, hooks } = client(t, { platform: "mobile" })
  server.last.say(hello(), event(101))
  assert.deepEqual(hooks.map(([name]) => name), ["onPullStatus", "onPullStatus", "onPull-tasks", "onPull"])
  assert.deepEqual(hooks[1][1], { status: "online", additional: {} })
  assert.deepEqual(Object.keys(/** @type {object} */ (hooks[3][1])), ["module_id", "command", "params", "extra"])
})

test("control messages reach no hook, nor do those of a later version", (t) => {
  const { server, hooks } = client(t)
  server.last.say(hello(), { module_id: "PULL", command: "tick", params: { offset: 130 } }, { module_id: "pull", command: "new" })
  assert.deepEqual(names(hooks), [])
})

test("a client's message that claims to be a hello is a client's message", (t) => {
  const { server, hooks, pull } = client(t)
  server.last.say(hello(), { ...hello({ offset: 900 }), id: 101, extra: { sender: { type: 1, id: "7" } } })
  assert.deepEqual(names(hooks), ["onPullClientEvent-pull", "onPullClientEvent"])
  assert.equal(pull.cursor, "k3f9.101")
})

test("messages of module online reach no other hook", (t) => {
  const { server, hooks, pull } = client(t)
  /** @type {string[]} */
  const heard = []
  pull.on("message", () => heard.push("message"))
  pull.on("online", ({ command }) => heard.push(command))
  server.last.say(hello(), online({ command: "user_online", params: { USER_ID: "7" } }))
  assert.deepEqual(names(hooks), ["onPullOnlineEvent"])
  assert.deepEqual(heard, ["user_online"])
})

test("the cursor has moved when the hooks run", (t) => {
  const { server, pull } = client(t)
  /** @type {(string | null)[]} */
  const cursors = []
  pull.on("message", () => cursors.push(pull.cursor))
  server.last.say(hello(), event(101), event(102))
  assert.deepEqual(cursors, ["k3f9.101", "k3f9.102"])
})

test("a client stopped in the middle of a frame gets the rest when it starts again, and not before", (t) => {
  const errors = consoleErrors(t)
  const { server, pull, time } = client(t)
  /** @type {number[]} */
  const seen = []
  pull.on("message", ({ id }) => {
    seen.push(id)
    if (id === 101) pull.stop()
  })
  server.last.say(hello(), event(101), event(102))
  time.pass(60_000)
  assert.deepEqual([pull.cursor, server.sockets.length, errors.callCount()], ["k3f9.101", 1, 0])
  pull.start()
  time.pass(0)
  server.last.say(hello({ recovered: true }), event(102))
  assert.deepEqual(seen, [101, 102])
})

test("a gap is told after a reconnect, and when the server's log breaks", (t) => {
  const { server, pull, hooks, time } = client(t)
  let gaps = 0
  pull.on("gap", (...args) => void (gaps += 1 + args.length))
  server.last.say(hello())
  assert.equal(gaps, 0)
  server.last.drop(1006)
  time.pass(500)
  server.last.say(hello({ offset: 300 }))
  assert.equal(gaps, 1)
  server.last.say(hello({ epoch: "other", offset: 1 }), event(2))
  assert.deepEqual([gaps, pull.cursor], [2, "other.2"])
  assert.deepEqual(hooks.filter(([name]) => name === "onPullGap"), [["onPullGap"], ["onPullGap"]])
})

test("a page rendered with a cursor that the window holds misses nothing", (t) => {
  const { server, pull, hooks } = client(t, { cursor: "k3f9.97" })
  assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.97")
  server.last.say(hello({ recovered: true }), event(98), event(100))
  assert.equal(pull.cursor, "k3f9.100")
  assert.equal(names(hooks).length, 4)
})

test("what a handler throws or changes harms no other", (t) => {
  const errors = consoleErrors(t)
  const { server, pull, page } = client(t)
  page.BX.onCustomEvent = () => {
    throw new Error("a real BX stops here")
  }
  /** @type {unknown[]} */
  const seen = []
  pull.on("message", (message) => {
    message.params.ID = "changed"
    throw new Error("first")
  })
  pull.on("message", ({ params }) => seen.push(params.ID))
  pull.subscribe({ moduleId: "tasks", callback: (/** @type {any} */ { params }) => (params.ID = "changed") })
  server.last.say(hello(), event(101))
  assert.deepEqual(seen, [101])
  assert.ok(errors.callCount() >= 3)
})

test("off ends a listener; an unknown one is refused in the console", (t) => {
  const errors = consoleErrors(t)
  const { server, pull } = client(t)
  let calls = 0
  const off = pull.on("message", () => calls++)
  pull.on("message", /** @type {any} */ (null))
  server.last.say(hello(), event(101))
  off()
  server.last.say(event(102))
  assert.deepEqual([calls, errors.callCount()], [1, 1])
})

test("status: told once each, and a short reconnect makes no noise", (t) => {
  const { server, states, time, pull } = client(t)
  server.last.say(hello())
  assert.deepEqual(states, ["connect", "online"])
  server.last.drop(1006)
  assert.equal(pull.isConnected(), false)
  time.pass(4999)
  server.last.say(hello())
  time.pass(60_000)
  assert.deepEqual(states, ["connect", "online"])
})

test("status: offline after five seconds, connect and online when it is back", (t) => {
  const { server, states, time, pull } = client(t)
  server.last.say(hello())
  pull.stop()
  time.pass(4999)
  assert.equal(states.at(-1), "online")
  time.pass(1)
  assert.equal(states.at(-1), "offline")
  pull.start()
  time.pass(0)
  server.last.say(hello())
  assert.deepEqual(states, ["connect", "online", "offline", "connect", "online"])
})

test("status: a page that unloads hears nothing", (t) => {
  const { server, states, time, page } = client(t)
  server.last.say(hello())
  server.last.drop(1001)
  page.fire("pagehide")
  time.pass(60_000)
  assert.deepEqual(states, ["connect", "online"])
})

test("watches are extended every 29 minutes as long as the page lives", (t) => {
  const { server, time, pull } = client(t)
  const tick = () => server.last.say({ module_id: "pull", command: "tick", params: { offset: 1 } })
  server.last.say(hello())
  pull.extendWatch("TASK_7")
  for (let round = 0; round < 2; round++) {
    for (let minute = 0; minute < 29; minute++) time.pass(59_999), tick()
    assert.equal(server.last.sent.length, round)
    time.pass(29)
    assert.equal(server.last.sent.length, round + 1)
    server.last.say({ module_id: "pull", command: "watch", params: { TASK_7: true } })
  }
  assert.equal(server.last.sent[0], '{"extend":["TASK_7"]}')
})

test("extendWatch: false for no tag, a queued one and one too long; else undefined", (t) => {
  const { pull } = client(t)
  const answers = ["", "A", "A", "x".repeat(256)].map((tag) => pull.extendWatch(tag))
  assert.deepEqual(answers, [false, undefined, false, false])
  pull.clearWatch("A")
  assert.equal(pull.extendWatch("A"), undefined)
})

test("forced extensions of one task leave in one frame, at once", (t) => {
  const { server, time, pull } = client(t)
  server.last.say(hello())
  pull.extendWatch("A", true)
  pull.extendWatch("B", true)
  pull.extendWatch("C", true)
  pull.clearWatch("B")
  time.pass(0)
  assert.deepEqual(server.last.sent, ['{"extend":["A","C"]}'])
})

test("many watches are extended at the server's pace, on whatever connections", (t) => {
  const { server, time, pull } = client(t)
  const sent = () => server.sockets.flatMap((socket) => socket.sent)
  server.last.say(hello({ tick: 3600 }))
  for (let i = 0; i < 2500; i++) pull.extendWatch(`TASK_${i}`, true)
  time.pass(0)
  assert.equal(sent().length, 10)
  for (let ms = 100; ms <= 30_000; ms += 100) {
    if (ms === 3000 || ms === 6000) server.last.drop(1012)
    const { length } = server.sockets
    time.pass(100)
    if (server.sockets.length > length) server.last.say(hello({ tick: 3600 }))
    assert.ok(sent().length <= 10 + ms / 500, `${sent().length} frames after ${ms} ms`)
  }
  assert.equal(new Set(sent().flatMap((frame) => JSON.parse(frame).extend)).size, 2500)
})

test("an extension that fell due without a connection leaves with the next hello", (t) => {
  const { server, time, pull } = client(t)
  pull.extendWatch("A", true)
  time.pass(1000)
  server.last.say(hello())
  time.pass(0)
  assert.deepEqual(server.last.sent, ['{"extend":["A"]}'])
})

test("an extension without an answer is repeated, one answered false is dropped", (t) => {
  const { server, time, pull } = client(t)
  server.last.say(hello({ tick: 3600 }))
  pull.extendWatch("A", true)
  time.pass(0)
  time.pass(60_000)
  assert.equal(server.last.sent.length, 2)
  server.last.say({ module_id: "pull", command: "watch", params: { A: false, B: true } })
  time.pass(3_600_000)
  assert.equal(server.last.sent.length, 2)
  assert.deepEqual(pull.getDebugInfo().watches, [])
})

test("last seen: an answer for all, 0 for now, nothing for never", async (t) => {
  const { server, pull } = client(t)
  server.last.say(hello())
  const first = pull.getUsersLastSeen([7, "8", 9])
  const second = pull.getUsersLastSeen(["10"])
  assert.deepEqual(server.last.sent, ['{"seen":["7","8","9"]}'])
  server.last.say({ module_id: "pull", command: "seen", params: { 7: 0, 8: 35.2 } })
  assert.deepEqual(await first, { 7: 0, 8: 35.2 })
  assert.equal(server.last.sent[1], '{"seen":["10"]}')
  server.last.say({ module_id: "pull", command: "seen", params: {} })
  assert.deepEqual(await second, {})
  assert.deepEqual(await pull.getUsersLastSeen([]), {})
})

test("last seen: asked again after a reconnect", async (t) => {
  const { server, pull, time } = client(t)
  const asked = pull.getUsersLastSeen(["7"])
  server.last.say(hello())
  server.last.drop(1006)
  time.pass(500)
  server.last.say(hello())
  assert.deepEqual(server.last.sent, ['{"seen":["7"]}'])
  server.last.say({ module_id: "pull", command: "seen", params: { 7: 3 } })
  assert.deepEqual(await asked, { 7: 3 })
})

test("last seen: given up after ten seconds, and a late answer is not the next question's", async (t) => {
  const { server, pull, time } = client(t)
  server.last.say(hello())
  const first = assert.rejects(pull.getUsersLastSeen(["7"]), /no answer/)
  time.pass(10_000)
  await first
  const second = pull.getUsersLastSeen(["8"])
  server.last.say({ module_id: "pull", command: "seen", params: { 7: 1 } })
  server.last.say({ module_id: "pull", command: "seen", params: { 8: 2 } })
  assert.deepEqual(await second, { 8: 2 })
})

test("who subscribed to a user hears of each change once", (t) => {
  const { server, pull } = client(t)
  /** @type {unknown[]} */
  const changes = []
  const callback = (/** @type {unknown} */ change) => changes.push(change)
  pull.subscribeUserStatusChange(7, callback)
  server.last.say(
    hello(),
    online({ command: "user_online", params: { USER_ID: "7", STATUS: "online" } }),
    online({ command: "user_online", params: { USER_ID: "7" } }),
    online({ command: "user_offline", params: { USER_ID: "8" } }),
    online({ command: "constructor", params: { USER_ID: "7" } }),
    online({ command: "online_list", params: { USERS: { 9: {} }, COUNT: 501 } }), // not everyone
    online({ command: "online_list", params: { USERS: { 8: {} }, COUNT: 1 } }),
    online({ command: "online_list", params: { USERS: { 7: {} } } }),
    online({ command: "user_offline", params: { USER_ID: 7 } }),
  )
  assert.deepEqual(changes, [true, false, true, false].map((isOnline) => ({ userId: 7, isOnline })))
  pull.unsubscribeUserStatusChange("7", callback)
  server.last.say(online({ command: "user_online", params: { USER_ID: "7" } }))
  assert.equal(changes.length, 4)
})

test("capturePullEvent shows each message in the console until it is switched off", (t) => {
  const { server, pull } = client(t)
  const info = t.mock.method(console, "info", () => {}).mock
  pull.capturePullEvent()
  server.last.say(hello(), event(101))
  pull.capturePullEvent(false)
  server.last.say(event(102))
  assert.equal(info.callCount(), 1)
})

test("headers name the page, and getDebugInfo what it is at", (t) => {
  const { server, pull } = client(t, { user: "42" })
  server.last.say(hello())
  assert.deepEqual(pull.headers(), { "Pull-Client": "page-0123456789abcdef" })
  assert.deepEqual(pull.getDebugInfo(), {
    url: "https://example.com/pull",
    user: "42",
    platform: "desktop",
    client: "page-0123456789abcdef",
    cursor: "k3f9.100",
    status: "online",
    transport: "websocket",
    watches: [],
  })
})

test("a wrong cursor throws at once", () => {
  const { page } = hookedPage()
  assert.throws(() => new Pull({ url: "/pull", cursor: "x", page: /** @type {any} */ (page) }), /invalid cursor/)
})

test("a page without a position has the cursor null, which another client takes", (t) => {
  const { server, pull } = client(t, { cursor: null })
  assert.deepEqual([pull.cursor, pull.getDebugInfo().cursor, server.last.url.searchParams.has("cursor")], [null, null, false])
  const next = new Pull({ url: "/pull", cursor: pull.cursor, page: /** @type {any} */ (hookedPage().page) })
  assert.equal(next.cursor, null)
})

test("two clients on one page do not disturb each other", (t) => {
  const { server, pull, page } = client(t)
  const otherServer = fakeSockets()
  const other = new Pull({ url: "/other", page: /** @type {any} */ (page), WebSocket: otherServer.WebSocket })
  t.after(() => other.stop())
  server.last.say(hello())
  pull.stop()
  assert.notEqual(other.clientId, pull.clientId)
  assert.deepEqual([pull.isConnected(), other.isConnected(), other.cursor], [false, false, null])
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { install } from "../src/bxpull.js"
import { domEvents } from "../src/domevents.js"
import { paced } from "../src/paced.js"
import { mark } from "../src/pull.js"
import { client, consoleErrors, event, FakePage, fakeSockets, fakeTime, hello } from "./fakes.js"

/** @param {import("node:test").TestContext} t
 *  @param {number | string | false} [ms] */
function listening(t, ms) {
  const around = client(t)
  const body = new EventTarget()
  Object.assign(around.page.document, { body })
  domEvents(/** @type {any} */ (around.page), around.pull, ms)
  around.server.last.say(hello())
  return { ...around, body, seen: record(body, "pull:tasks:update") }
}

/** The ids that events of a name bring.
 *  @param {EventTarget} body
 *  @param {string} name */
function record(body, name) {
  /** @type {any[]} */
  const seen = []
  body.addEventListener(name, (/** @type {any} */ { detail }) => seen.push(detail?.params?.ID ?? detail?.status ?? detail))
  return seen
}

test("the body gets each message with its params and extra, in an event that bubbles", (t) => {
  const { body, server } = listening(t)
  /** @type {any} */
  let got
  body.addEventListener("pull:tasks:update", (one) => (got = one))
  server.last.say(event(101))
  assert.deepEqual([got.bubbles, got.detail.params], [true, { ID: 101 }])
  assert.deepEqual([got.detail.extra.server_time_unix, got.detail.extra.sender], [1_800_000_000, { type: 2 }])
})

test("of a burst of one name come the first at once and the last after 100 ms, and other names wait for none of it", (t) => {
  const { body, server, time, seen } = listening(t)
  const others = record(body, "pull:tasks:delete")
  server.last.say(event(101), event(102), event(103), event(104, { command: "delete" }))
  assert.deepEqual([seen, others], [[101], [104]])
  time.pass(99)
  assert.deepEqual(seen, [101])
  time.pass(1)
  assert.deepEqual(seen, [101, 103])
  server.last.say(event(105))
  time.pass(100)
  assert.deepEqual([seen, others], [[101, 103, 105], [104]])
  time.pass(1000)
  server.last.say(event(106))
  assert.deepEqual(seen, [101, 103, 105, 106])
})

test("how long a burst is may be chosen, and false means no events", (t) => {
  const { server, time, seen } = listening(t, "250")
  server.last.say(event(101), event(102))
  time.pass(249)
  assert.deepEqual(seen, [101])
  time.pass(1)
  assert.deepEqual(seen, [101, 102])
})

for (const none of [false, "false"]) {
  test(`no events with ${typeof none} false`, (t) => {
    const { server, time, seen } = listening(t, /** @type {false} */ (none))
    server.last.say(event(101))
    time.pass(1000)
    assert.deepEqual(seen, [])
  })
}

test("a listener that throws stops nobody", (t) => {
  const errors = consoleErrors(t)
  const { body, server, hooks } = listening(t)
  t.mock.method(process, "nextTick", () => {}) // where Node reports what a listener throws
  body.addEventListener("pull:tasks:update", () => {
    throw new Error("mine")
  })
  const seen = record(body, "pull:tasks:update")
  server.last.say(event(101))
  assert.deepEqual([seen, hooks.some(([name]) => name === "onPullEvent-tasks"), errors.callCount()], [[101], true, 0])
})

test("a gap and the status are events, presence and control messages are none", (t) => {
  const { body, pull, server, time } = listening(t)
  time.pass(100)
  const gaps = record(body, "pull:gap")
  const states = record(body, "pull:status")
  const dispatched = t.mock.method(body, "dispatchEvent")
  server.last.say({ module_id: "online", command: "user_online", params: { USER_ID: 7 } }, [101, 1, "pull:render", {}])
  time.pass(1000)
  assert.equal(dispatched.mock.callCount(), 0)
  server.last.say(hello({ offset: 200 }))
  pull.stop()
  time.pass(5000)
  assert.deepEqual([gaps, states], [[null], ["offline"]])
})

test("names are as they are", (t) => {
  const { body, server } = listening(t)
  const seen = record(body, "pull:crm.deal:Moved-to:Stage_2")
  server.last.say(event(101, { module_id: "CRM.deal", command: "Moved-to:Stage_2" }))
  assert.deepEqual(seen, [101])
})

test("what comes before there is a body waits for it, and comes once", (t) => {
  const around = client(t)
  const { document } = around.page
  document.readyState = "loading"
  domEvents(/** @type {any} */ (around.page), around.pull)
  around.server.last.say(hello(), event(101), event(102))
  around.time.pass(500)
  const body = new EventTarget()
  const seen = record(body, "pull:tasks:update")
  Object.assign(document, { body })
  around.time.pass(100)
  assert.deepEqual(seen, [102])
  around.time.pass(1000)
  assert.deepEqual(seen, [102])
})

test("a message that waits is dropped if a later script tag is another user's, and nothing else is", (t) => {
  const { body, pull, server, time, seen } = listening(t)
  const gaps = record(body, "pull:gap")
  time.pass(1000)
  server.last.say(event(101), event(102))
  pull[mark]({ user: "bob", url: "/pull" })
  time.pass(1000)
  assert.deepEqual([seen, gaps], [[101], []])
  pull.start()
  time.pass(0)
  server.last.say(hello({ user: "bob" }), event(201))
  time.pass(1000)
  assert.deepEqual(seen, [101, 201])
})

test("a page that will never have a body is not waited for", (t) => {
  const { page, pull, server, time } = client(t)
  domEvents(/** @type {any} */ (page), pull)
  server.last.say(hello(), event(101))
  const later = t.mock.method(globalThis, "setTimeout")
  time.pass(1000)
  assert.equal(later.mock.callCount(), 0)
})

for (const [tag, want] of /** @type {[object, number[]][]} */ ([[{}, [101]], [{ domEvents: "" }, [101]], [{ domEvents: "false" }, []]])) {
  test(`a script tag with ${JSON.stringify(tag)}: its client has events ${want}, and a second one has none`, (t) => {
    const page = new FakePage()
    const server = fakeSockets()
    t.after(() => {
      one.stop()
      other.stop()
    })
    const time = fakeTime(t)
    const body = new EventTarget()
    Object.assign(page.document, { body })
    page.WebSocket = server.WebSocket
    install(page, { url: "/pull", ...tag })
    const one = page.BX.PULL
    const other = new page.Pull()
    other.start()
    time.pass(0)
    const seen = record(body, "pull:tasks:update")
    for (const socket of server.sockets) socket.say(hello(), event(101))
    time.pass(1000)
    assert.deepEqual([server.sockets.length, seen], [2, want])
  })
}

test("what paces an event is told when it rests", (t) => {
  const time = fakeTime(t)
  /** @type {string[]} */
  const told = []
  const run = paced(100, () => told.push("run"), () => told.push("rested"))
  run()
  run()
  time.pass(100)
  assert.deepEqual(told, ["run", "run"])
  time.pass(100)
  assert.deepEqual(told, ["run", "run", "rested"])
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { typing } from "../src/typing.js"
import { client, hello, settle } from "./fakes.js"

/** A page that shows who is typing.
 *  @param {import("node:test").TestContext} t
 *  @param {Partial<import("../typing.js").TypingOptions>} [options]
 *  @param {object} [more] options of the client */
function page(t, options, more) {
  const around = client(t, more)
  const { page: window } = around
  around.server.last.say(hello())
  /** @type {string[][]} */
  const shown = []
  const one = typing(/** @type {any} */ (around.pull), { target: ["7", 8], module: "im", onChange: (users) => shown.push(users), ...options })
  return {
    ...around,
    ...one,
    shown,
    leave: () => window.fire("pagehide"),
    sent: () => around.server.last.sent.splice(0).flatMap((text) => JSON.parse(text).send ?? []).map(({ params }) => params.typing),
    /** @param {string} id
     *  @param {any} [params]
     *  @param {string} [name] */
    gets: (id, params = { typing: true }, name = "im:typing") => around.server.last.say([0, 1, name, params, { sender: { type: 1, id } }]),
  }
}

test("the first key is sent at once, and while it goes on one message every 3 s", (t) => {
  const { type, sent, time } = page(t)
  type()
  assert.deepEqual(sent(), [true])
  for (let ms = 0; ms < 9_000; ms += 100) {
    time.pass(100)
    if (ms < 8_900) type()
  }
  assert.deepEqual(sent(), [true, true, true])
})

test("the last key within 3 s is sent at their end, so that nobody takes it for over too early", (t) => {
  const { type, sent, time } = page(t)
  type()
  time.pass(2_900)
  type()
  assert.deepEqual(sent(), [true])
  time.pass(99)
  assert.deepEqual(sent(), [])
  time.pass(1)
  assert.deepEqual(sent(), [true])
  time.pass(60_000)
  assert.deepEqual(sent(), [])
})

test("a message says whom it is for, and is not kept for long", (t) => {
  const { type, server } = page(t, { target: { tag: "TASK_7" }, module: "tasks", command: "typing:7" })
  type()
  assert.deepEqual(JSON.parse(server.last.sent[0]).send, { n: 1, tag: "TASK_7", module: "tasks", command: "typing:7", params: { typing: true, tag: "TASK_7" }, expiry: 5 })
})

test("stop is sent at once and only if somebody may show this user, and the next key is sent at once, too", (t) => {
  const { type, stop, sent, time } = page(t)
  stop()
  assert.deepEqual(sent(), [])
  type()
  type()
  stop()
  stop()
  assert.deepEqual(sent(), [true, false])
  time.pass(10_000)
  assert.deepEqual(sent(), [])
  type()
  stop()
  type()
  assert.deepEqual(sent(), [true, false, true])
})

test("a page that is left is over, before the client closes its connection", (t) => {
  const { type, sent, leave, pull } = page(t)
  type()
  /** @type {boolean[]} */
  const open = []
  const { send } = pull
  t.mock.method(pull, "send", (/** @type {Parameters<typeof send>} */ ...args) => (open.push(pull.isConnected()), send.apply(pull, args)))
  leave()
  assert.deepEqual([sent(), open], [[true, false], [true]])
})

test("what cannot be sent is nobody's error", async (t) => {
  const { type, stop, server, pull } = page(t)
  pull.stop()
  type()
  stop()
  await settle()
  assert.deepEqual(server.last.sent, []) // a rejection that nobody handles fails the test
})

test("each change of who is typing is shown, from the first message to 6 s after the last", (t) => {
  const { gets, shown, time } = page(t)
  gets("7")
  gets("8")
  time.pass(5_999)
  gets("7")
  assert.deepEqual(shown, [["7"], ["7", "8"]])
  time.pass(1)
  assert.deepEqual(shown.splice(0), [["7"], ["7", "8"], ["7"]])
  time.pass(5_998)
  assert.deepEqual(shown, [])
  time.pass(1)
  assert.deepEqual(shown, [[]])
})

test("a user who stops is gone at once, and one who was not shown changes nothing", (t) => {
  const { gets, shown, time } = page(t)
  gets("7", { typing: false })
  gets("7")
  gets("7", { typing: false })
  gets("7", null)
  time.pass(10_000)
  assert.deepEqual(shown, [["7"], []])
})

test("only the users of the conversation are shown", (t) => {
  const { gets, shown, server } = page(t)
  gets("9")
  gets("7", { typing: true }, "im:other")
  gets("7", { typing: true }, "crm:typing")
  server.last.say([101, 1, "im:typing", { typing: true }])
  assert.deepEqual(shown, [])
})

test("with a tag everybody is shown who has sent theirs to it", (t) => {
  const { gets, shown } = page(t, { target: { tag: "TASK_7" } })
  gets("9", { typing: true, tag: "TASK_8" })
  gets("9")
  gets("9", { typing: true, tag: "TASK_7" })
  gets("9", { typing: false, tag: "TASK_8" })
  assert.deepEqual(shown, [["9"]])
})

test("another page of the same user is not shown", (t) => {
  const { gets, shown } = page(t, { target: { tag: "TASK_7" } }, { user: 42 })
  gets("42", { typing: true, tag: "TASK_7" })
  assert.deepEqual(shown, [])
})

test("what is closed sends its end, and neither shows nor sends anything later", (t) => {
  const { gets, shown, type, close, sent, time, leave } = page(t)
  gets("7")
  type()
  type()
  close()
  assert.deepEqual([sent(), shown.splice(0)], [[true, false], [["7"]]])
  gets("8")
  type()
  leave()
  assert.deepEqual([sent(), shown], [[], []])
  time.pass(10_000)
  assert.deepEqual([sent(), shown], [[], []])
})

test("nobody has to listen", (t) => {
  const { gets, time } = page(t, { onChange: undefined })
  gets("7")
  time.pass(6_000)
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { complete } from "../src/options.js"
import { hello as greet, read } from "../src/push/module.js"
import { answer, client, FakePage, fakeStream, fakeTime, hello, settle } from "./fakes.js"

/** @param {{ sent: string[] }} socket */
const looks = ({ sent }) => sent.map((text) => JSON.parse(text).looking)

/** @param {FakePage} page
 *  @param {boolean} hidden */
function show(page, hidden) {
  page.document.hidden = hidden
  page.fire("visibilitychange")
}

test("a page tells a server that sends notifications whether it is looked at, after each hello and each change", (t) => {
  const { server, page, time } = client(t)
  server.last.say(hello({ push: true }))
  assert.deepEqual(looks(server.last), [true])
  show(page, true)
  show(page, false)
  assert.deepEqual(looks(server.last), [true, false, true])
  show(page, true)
  server.last.drop(1006)
  time.pass(500)
  server.last.say(hello({ push: true, recovered: true }))
  assert.deepEqual(looks(server.last), [false])
  server.last.say(hello({ push: true }))
  assert.deepEqual(looks(server.last), [false, false])
})

test("it tells any other server nothing, also if that took the place of one that sends notifications", (t) => {
  const { server, page, pull, time } = client(t)
  server.last.say(hello())
  show(page, true)
  show(page, false)
  pull.read("im-7")
  assert.deepEqual(server.last.sent, [])
  server.last.say(hello({ push: true }))
  server.last.drop(1006)
  time.pass(500)
  server.last.say(hello())
  show(page, true)
  pull.read("im-7")
  assert.deepEqual(server.last.sent, [])
})

test("a page that comes back from the back/forward cache tells it with its new connection", (t) => {
  const { server, page, time } = client(t)
  server.last.say(hello({ push: true }))
  show(page, true)
  page.fire("pagehide")
  page.document.hidden = false
  page.fire("pageshow")
  time.pass(0)
  assert.equal(server.sockets.length, 2)
  server.last.say(hello({ push: true }))
  assert.deepEqual(looks(server.last), [true])
})

test("an element named hidden does not make a page hidden", (t) => {
  const { server, page } = client(t)
  const prototype = Object.create(EventTarget.prototype, { hidden: { get: () => false } })
  page.document = Object.create(prototype, { hidden: { value: {} } })
  server.last.say(hello({ push: true }))
  assert.deepEqual(looks(server.last), [true])
})

test("a worker is not looked at", (t) => {
  const { server, page, pull } = client(t)
  delete (/** @type {any} */ (page).document)
  server.last.say(hello({ push: true }))
  assert.deepEqual([server.last.sent, pull.isConnected()], [[], true])
})

test("on a stream it is posted, and the empty reply answers no question", async (t) => {
  const stream = fakeStream()
  const { pull, requests } = client(t, { WebSocket: null }, (url) => (url.pathname === "/pull/watch" ? answer(200) : stream.response))
  await settle()
  let answered = 0
  pull.getUsersLastSeen(["7"]).then(() => answered++, () => {})
  stream.say(hello({ push: true }))
  await settle()
  const posts = requests.filter(({ init }) => init.method === "POST").map(({ init }) => [init.body, init.headers["Pull-Client"]])
  assert.deepEqual(posts, [['{"seen":["7"]}', "page-0123456789abcdef"], ['{"looking":true}', "page-0123456789abcdef"]])
  // {} is also what the server says where nobody was ever seen: one of the two counts.
  assert.equal(answered, 1)
})

test("a reply to what was told answers no question that came later", async (t) => {
  const stream = fakeStream()
  const { pull, requests } = client(t, { WebSocket: null }, (url, init) => {
    if (url.pathname !== "/pull/watch") return stream.response
    return JSON.parse(init.body).seen ? new Promise(() => {}) : answer(200)
  })
  await settle()
  let answered = 0
  pull.getUsersLastSeen(["7"]).then(() => answered++, () => {})
  stream.say(hello({ push: true }))
  await settle()
  await settle()
  assert.deepEqual([requests.length, answered], [3, 0])
})

/** What the file for notifications does for a client, without one.
 *  @param {import("node:test").TestContext} t */
function used(t) {
  const time = fakeTime(t)
  const page = new FakePage()
  /** @type {any[]} */
  const sent = []
  const world = { page, sent, time, connected: true }
  const options = complete({ url: "/pull", page: /** @type {any} */ (page) })
  options.send = (body) => world.connected && sent.push(body) > 0
  return Object.assign(world, { options })
}

for (const use of ["pointerdown", "pointermove", "keydown", "wheel"]) {
  test(`${use}: a page that is used says so once a minute`, (t) => {
    const { page, options, sent, time } = used(t)
    greet(options, "42")
    time.pass(59_999)
    page.fire(use)
    assert.deepEqual(sent, [])
    time.pass(1)
    page.fire(use, use)
    assert.deepEqual(sent, [{ looking: true }])
    time.pass(60_000)
    page.fire(use)
    assert.equal(sent.length, 2)
  })
}

test("a page that was just shown, or that is hidden, does not say that it is used", (t) => {
  const { page, options, sent, time } = used(t)
  greet(options, "42")
  time.pass(60_000)
  page.fire("visibilitychange", "keydown")
  time.pass(60_000)
  page.document.hidden = true
  page.fire("keydown")
  assert.deepEqual(sent, [])
})

test("the events are passive, and are not followed without a connection", (t) => {
  const world = used(t)
  const { page, options, time } = world
  const add = t.mock.method(page, "addEventListener")
  greet(options, "42")
  const added = add.mock.calls.map(({ arguments: [, , how] }) => /** @type {any} */ (how))
  assert.ok(added.length > 4 && added.every(({ passive, capture }) => passive && capture))
  world.connected = false
  time.pass(60_000)
  page.fire("keydown")
  assert.ok(added.every(({ signal }) => signal.aborted))
  world.connected = true
  greet(options, "42")
  time.pass(60_000)
  page.fire("keydown")
  assert.deepEqual(world.sent, [{ looking: true }])
})

test("what is read is sent with the next connection, each tag once and not too fast", (t) => {
  const world = used(t)
  const { options, sent, time } = world
  world.connected = false
  for (const tag of ["a", "b", "a", "", "x".repeat(256), "c"]) read(options, tag)
  time.pass(10_000)
  assert.deepEqual(sent, [])
  world.connected = true
  greet(options, "42")
  assert.deepEqual(sent, [{ read: "b" }])
  time.pass(500)
  time.pass(500)
  assert.deepEqual(sent, [{ read: "b" }, { read: "a" }, { read: "c" }])
  time.pass(500)
  read(options, "d")
  assert.deepEqual(sent.at(-1), { read: "d" })
  read(options, "e")
  assert.equal(sent.length, 4)
})

test("of too many things read without a connection the last ones are kept", (t) => {
  const world = used(t)
  world.connected = false
  for (let i = 0; i < 150; i++) read(world.options, `im-${i}`)
  world.connected = true
  greet(world.options, "42")
  for (let i = 0; i < 200; i++) world.time.pass(500)
  assert.deepEqual([world.sent.length, world.sent[0].read, world.sent.at(-1).read], [100, "im-50", "im-149"])
})

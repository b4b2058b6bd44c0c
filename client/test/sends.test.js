import assert from "node:assert/strict"
import { test } from "node:test"
import { answer, client, fakeStream, hello, settle } from "./fakes.js"

/** What the server answers to a message.
 *  @param {number} n
 *  @param {string} state */
const sent = (n, state) => ({ module_id: "pull", command: "sent", params: { n, state } })

/** A client that is connected.
 *  @param {import("node:test").TestContext} t */
function connected(t) {
  const around = client(t)
  around.server.last.say(hello())
  return { ...around, frames: () => around.server.last.sent.map((text) => JSON.parse(text)).filter(({ send }) => send) }
}

test("a message goes to users or to a tag, with a number and with what is left out", async (t) => {
  const { pull, server, frames } = connected(t)
  const all = [
    pull.send("42", "im", "typing"),
    pull.send(42, "im", "typing", { on: true }, { expiry: 3 }),
    pull.send(["42", 43], "im", "Привет: мир!", [1]),
    pull.send({ tag: "TASK_7" }, "im", "typing", null),
  ]
  assert.deepEqual(
    frames().map(({ send }) => send),
    [
      { n: 1, users: ["42"], module: "im", command: "typing", params: {}, expiry: 10 },
      { n: 2, users: ["42"], module: "im", command: "typing", params: { on: true }, expiry: 3 },
      { n: 3, users: ["42", "43"], module: "im", command: "Привет: мир!", params: [1], expiry: 10 },
      { n: 4, tag: "TASK_7", module: "im", command: "typing", params: null, expiry: 10 },
    ],
  )
  for (const n of [3, 1, 4, 2]) server.last.say(sent(n, "ok"))
  assert.deepEqual(await Promise.all(all), [undefined, undefined, undefined, undefined])
})

test("an expiry is between 1 and 60 whole seconds, whatever code for the original gives", (t) => {
  const { pull, frames } = connected(t)
  for (const expiry of [0.2, 59.1, 86_400, -5, 0, NaN, undefined, "30"]) pull.sendMessage([7], "im", "typing", {}, /** @type {any} */ (expiry)).catch(() => {})
  assert.deepEqual(frames().map(({ send }) => send.expiry), [1, 60, 60, 1, 10, 10, 10, 30])
})

for (const state of ["forbidden", "limit", "large", "busy"]) {
  test(`what the server does not send is rejected with its code: ${state}`, async (t) => {
    const { pull, server } = connected(t)
    const [first, second] = [pull.send("7", "im", "a"), pull.send("7", "im", "b")]
    server.last.say(sent(2, "ok"), sent(1, state))
    await second
    await assert.rejects(first, { name: "Error", code: state, message: `pull: not sent: ${state}` })
  })
}

test("without a connection a message is rejected at once, and not sent later", async (t) => {
  const { pull, server, time } = client(t)
  await assert.rejects(pull.send("7", "im", "typing"), { code: "offline" })
  server.last.say(hello())
  time.pass(0)
  assert.deepEqual(server.last.sent, [])
})

test("a message without an answer is given up after 5 s, and a later answer is no other's", async (t) => {
  const { pull, server, time } = connected(t)
  const first = pull.send("7", "im", "a")
  time.pass(4_999)
  const second = pull.send("7", "im", "b")
  time.pass(1)
  await assert.rejects(first, { code: "timeout" })
  server.last.say(sent(1, "ok"), sent(99, "ok"))
  assert.equal(await Promise.race([second, settle().then(() => "open")]), "open")
  server.last.say(sent(2, "busy"))
  await assert.rejects(second, { code: "busy" })
})

test("what the server would close the connection for is never sent", async (t) => {
  const { pull, frames } = connected(t)
  /** @type {[any, string][]} */
  const wrong = [
    ["", "typing"],
    [[], "typing"],
    [[""], "typing"],
    [Array(101).fill("7"), "typing"],
    ["x".repeat(256), "typing"],
    ["ж".repeat(128), "typing"],
    [{ tag: "" }, "typing"],
    [{ tag: "x".repeat(256) }, "typing"],
    [undefined, "typing"],
    [null, "typing"],
    [["7", undefined], "typing"],
    [{ tags: ["a"] }, "typing"],
    [{ id: 7 }, "typing"],
    [[{ id: 7 }], "typing"],
    [true, "typing"],
    [{ tag: ["a"] }, "typing"],
    ["7", /** @type {any} */ (undefined)],
    ["7", ""],
    ["7", "x".repeat(101)],
    ["7", "ж".repeat(51)],
    ["7", "a\nb"],
    ["7", "a\u007f"],
    ["7", "a\u0085"],
    ["7", "a\u2028b"],
  ]
  for (const [target, command] of wrong) await assert.rejects(pull.send(target, "im", command), TypeError, JSON.stringify([target, command]))
  await assert.rejects(pull.send([], "im", "typing"), { message: "pull: invalid target: []" })
  await assert.rejects(pull.send(/** @type {any} */ (undefined), "im", "typing"), { message: "pull: invalid target: undefined" })
  await assert.rejects(pull.send("7", /** @type {any} */ (undefined), "typing"), { message: "pull: invalid name: undefined" })
  await assert.rejects(pull.send("7", "im", "typing", 7n), TypeError)
  await assert.rejects(pull.send("7", "im", "typing", "ж".repeat(8_000)), { code: "large" })
  assert.deepEqual(frames(), [])
})

test("on a stream it is posted without its frame, and the answer is in the response", async (t) => {
  const stream = fakeStream()
  const { pull, requests } = client(t, { WebSocket: null }, (url, { body }) => {
    if (url.pathname !== "/pull/send") return stream.response
    return Response.json({ n: JSON.parse(body).n, state: JSON.parse(body).n === 1 ? "ok" : "limit" })
  })
  await settle()
  stream.say(hello())
  await settle()
  await pull.send("7", "im", "typing", { on: true })
  await assert.rejects(pull.send("7", "im", "typing"), { code: "limit" })
  const { url, init } = requests[1]
  assert.deepEqual([url.href, init.method, JSON.parse(init.body)], ["https://example.com/pull/send", "POST", { n: 1, users: ["7"], module: "im", command: "typing", params: { on: true }, expiry: 10 }])
  assert.deepEqual(init.headers, { "Content-Type": "application/json", "Pull-Client": "page-0123456789abcdef" })
})

for (const [name, respond] of /** @type {[string, () => Response | Promise<Response>][]} */ ([
  ["a status", () => answer(404)],
  ["no network", () => Promise.reject(new TypeError("Failed to fetch"))],
  ["a page", () => new Response("<html>")],
])) {
  test(`on a stream a request that fails rejects its message: ${name}`, async (t) => {
    const stream = fakeStream()
    const { pull } = client(t, { WebSocket: null }, (url) => (url.pathname === "/pull/send" ? respond() : stream.response))
    await settle()
    stream.say(hello())
    await settle()
    await assert.rejects(pull.send("7", "im", "typing"), { code: "offline" })
  })
}

test("a stream that is left lets what it sends leave", async (t) => {
  const stream = fakeStream()
  const { pull, page, requests } = client(t, { WebSocket: null }, (url) => (url.pathname === "/pull/send" ? new Promise(() => {}) : stream.response))
  await settle()
  stream.say(hello())
  await settle()
  pull.send("7", "im", "typing").catch(() => {})
  pull.getUsersLastSeen("7").catch(() => {})
  page.fire("pagehide")
  const [{ init: message }, { init: question }] = requests.slice(1)
  assert.deepEqual([message.keepalive, message.signal, question.keepalive, question.signal.aborted], [true, undefined, false, true])
})

test("the names of the original send, too", async (t) => {
  const { pull, server, frames } = connected(t)
  const one = pull.sendMessage([7, "8"], "im", "startWriting", { dialogId: 5 }, 30)
  const batch = pull.sendMessageBatch([
    { userList: [7], body: { module_id: "im", command: "a", params: { x: 1 } }, expiry: 5 },
    { userList: ["8"], body: { module_id: "crm", command: "b" } },
  ])
  assert.deepEqual(
    frames().map(({ send }) => send),
    [
      { n: 1, users: ["7", "8"], module: "im", command: "startWriting", params: { dialogId: 5 }, expiry: 30 },
      { n: 2, users: ["7"], module: "im", command: "a", params: { x: 1 }, expiry: 5 },
      { n: 3, users: ["8"], module: "crm", command: "b", params: {}, expiry: 10 },
    ],
  )
  server.last.say(sent(1, "ok"), sent(2, "ok"), sent(3, "forbidden"))
  await one
  await assert.rejects(batch, { code: "forbidden" })
})

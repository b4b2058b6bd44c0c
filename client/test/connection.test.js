import assert from "node:assert/strict"
import { test } from "node:test"
import { answer, client, consoleErrors, event, fakeStream, hello, settle } from "./fakes.js"

/** @typedef {Pick<ReturnType<typeof client>, "server" | "time">} World */

/** Fails WebSocket attempts until the next one is due.
 *  @param {World} world */
async function failSocket({ server, time }) {
  server.last.drop(1006)
  await settle()
  time.pass(40_000)
}

test("connects with its id, and with the cursor once it has one", (t) => {
  const { server, time, pull } = client(t)
  assert.equal(server.last.url.href, "wss://example.com/pull?client=page-0123456789abcdef")
  server.last.say(hello())
  assert.equal(pull.cursor, "k3f9.100")
  server.last.say(event(101))
  server.last.drop(1006)
  time.pass(500)
  assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.101")
})

test("reconnects for ever, later and later", async (t) => {
  const { server, time } = client(t, {}, () => Promise.reject(new TypeError("no network")))
  const waits = []
  for (let attempt = 0; attempt < 9; attempt++) {
    const { length } = server.sockets
    server.last.drop(1006)
    await settle()
    let waited = 0
    while (server.sockets.length === length) time.pass(250), (waited += 250)
    waits.push(waited)
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
})

test("a connection that lasted lets the next attempt come soon again", async (t) => {
  const { server, time } = client(t, {}, () => answer(500))
  for (let i = 0; i < 6; i++) await failSocket({ server, time })
  server.last.say(hello())
  time.pass(10_000)
  const { length } = server.sockets
  server.last.drop(1006)
  time.pass(250)
  assert.equal(server.sockets.length, length + 1)
})

test("connections that end right after hello do not come back ever faster", (t) => {
  const { server, time } = client(t)
  for (let i = 0; i < 6; i++) {
    server.last.say(hello())
    server.last.drop(1008)
    time.pass(15_000)
  }
  const { length } = server.sockets
  server.last.say(hello())
  server.last.drop(1008)
  time.pass(14_999)
  assert.equal(server.sockets.length, length)
})

test("4003 stops for good, says why, and start connects again", (t) => {
  const { server, time, hooks, pull, page } = client(t)
  /** @type {unknown[]} */
  const errors = []
  pull.on("error", (code) => errors.push(code))
  server.last.say(hello())
  server.last.drop(4003)
  time.pass(3_600_000)
  page.fire("focus", "online", "pageshow")
  time.pass(1000)
  assert.equal(server.sockets.length, 1)
  assert.deepEqual(hooks.filter(([name]) => name === "onPullError"), [["onPullError", "AUTHORIZE_ERROR"]])
  assert.deepEqual(errors, ["AUTHORIZE_ERROR"])
  pull.start()
  time.pass(0)
  assert.equal(server.sockets.length, 2)
})

test("4003 before hello needs no probe", async (t) => {
  const { server, time, requests } = client(t)
  server.last.drop(4003)
  await settle()
  time.pass(3_600_000)
  assert.deepEqual([server.sockets.length, requests.length], [1, 0])
})

test("a page may start the client again from the hook of its error", (t) => {
  const { server, time, pull } = client(t)
  pull.on("error", () => pull.start())
  server.last.say(hello())
  server.last.drop(4003)
  time.pass(0)
  assert.equal(server.sockets.length, 2)
})

test("403 to the handshake stops for good", async (t) => {
  const { server, time, hooks } = client(t, {}, () => answer(403))
  await failSocket({ server, time })
  time.pass(3_600_000)
  assert.equal(server.sockets.length, 1)
  assert.deepEqual(hooks.filter(([name]) => name === "onPullError").length, 1)
})

test("401 to the handshake goes on slowly, at once when the page is looked at, and is told once", async (t) => {
  const { server, time, hooks, page } = client(t, {}, () => answer(401))
  server.last.drop(1006)
  await settle()
  time.pass(29_000)
  assert.equal(server.sockets.length, 1)
  page.fire("focus")
  time.pass(0)
  assert.equal(server.sockets.length, 2)
  await failSocket({ server, time })
  assert.equal(server.sockets.length, 3)
  assert.equal(hooks.filter(([name]) => name === "onPullError").length, 1)
})

for (const status of [429, 503]) {
  test(`${status} to the handshake: Retry-After holds even for a page that wakes`, async (t) => {
    const { server, time, page } = client(t, {}, () => answer(status, { "Retry-After": "60" }))
    server.last.drop(1006)
    await settle()
    time.pass(30_000)
    page.fire("focus")
    time.pass(29_000)
    assert.equal(server.sockets.length, 1)
    time.pass(1500)
    assert.equal(server.sockets.length, 2)
  })
}

test("the probe asks the same address as the handshake, and for no stream", async (t) => {
  const { server, requests } = client(t)
  server.last.drop(1006)
  await settle()
  const { url, init } = requests[0]
  assert.equal(url.href, server.last.url.href.replace("wss", "https"))
  assert.deepEqual(init.headers, { Accept: "application/json" })
  assert.deepEqual([init.credentials, init.cache], ["same-origin", "no-store"])
})

test("stop while the probe is out: its answer changes nothing", async (t) => {
  const { server, time, pull, hooks } = client(t, {}, () => answer(401))
  server.last.drop(1006)
  pull.stop()
  await settle()
  time.pass(3_600_000)
  assert.equal(server.sockets.length, 1)
  assert.deepEqual(hooks.filter(([name]) => name === "onPullError"), [])
})

test("HTML and a dead network do not count as a blocked WebSocket", async (t) => {
  const { server, time, requests } = client(t, {}, () => new Response("<html>", { status: 200 }))
  for (let i = 0; i < 5; i++) await failSocket({ server, time })
  assert.equal(server.sockets.length, 6)
  assert.ok(requests.every(({ init }) => init.headers.Accept === "application/json"))
})

test("silence: a connection on which nothing arrives for 2.5 ticks is dead", (t) => {
  const { server, time, pull } = client(t)
  server.last.say(hello({ tick: 10 }))
  time.pass(24_000)
  server.last.say({ module_id: "pull", command: "tick", params: { offset: 120 } })
  time.pass(24_999)
  assert.equal(pull.isConnected(), true)
  time.pass(1)
  assert.equal(pull.isConnected(), false)
  assert.equal(server.sockets[0].closed, true)
  time.pass(500)
  assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.120")
})

test("a handshake that hangs is given up", async (t) => {
  const { server, time } = client(t)
  time.pass(15_000)
  assert.equal(server.sockets[0].closed, true)
  await settle()
  time.pass(500)
  assert.equal(server.sockets.length, 2)
})

test("a page that slept looks at the clock when it wakes, not at its frozen timer", (t) => {
  const { server, time, page, pull } = client(t)
  server.last.say(hello())
  time.freeze(600_000)
  assert.equal(pull.isConnected(), true)
  page.fire("visibilitychange")
  time.pass(0)
  assert.equal(server.sockets.length, 2)
})

test("waking does not disturb a connection that is alive", (t) => {
  const { server, page, time } = client(t)
  server.last.say(hello())
  page.fire("visibilitychange", "focus", "online", "pageshow")
  time.pass(0)
  assert.equal(server.sockets.length, 1)
})

test("a clock set back does not hide silence", (t) => {
  const { server, time, page, pull } = client(t)
  server.last.say(hello())
  time.freeze(-3_600_000)
  page.fire("focus")
  time.freeze(62_500)
  page.fire("focus")
  assert.equal(pull.isConnected(), false)
})

for (const name of ["visibilitychange", "focus", "online", "pageshow"]) {
  test(`${name}: a waiting page connects at once`, async (t) => {
    const { server, time, page } = client(t, {}, () => answer(500))
    for (let i = 0; i < 6; i++) await failSocket({ server, time })
    server.last.drop(1006)
    await settle()
    const { length } = server.sockets
    page.fire(name)
    time.pass(0)
    assert.equal(server.sockets.length, length + 1)
  })
}

test("becoming hidden wakes nobody, and frames are handled while hidden", (t) => {
  const { server, time, page, pull } = client(t)
  server.last.say(hello())
  page.document.hidden = true
  server.last.say(event(101))
  assert.equal(pull.cursor, "k3f9.101")
  server.last.drop(1012)
  page.fire("visibilitychange")
  time.pass(0)
  assert.equal(server.sockets.length, 1)
})

test("offline closes at once, and is not believed for ever", (t) => {
  const { server, time, page, pull } = client(t)
  server.last.say(hello())
  page.fire("offline")
  assert.deepEqual([pull.isConnected(), server.last.closed], [false, true])
  time.pass(29_999)
  assert.equal(server.sockets.length, 1)
  time.pass(1)
  assert.equal(server.sockets.length, 2)
})

test("pagehide closes, so that the page may be kept, and pageshow resumes with the cursor", (t) => {
  const { server, time, page } = client(t)
  server.last.say(hello(), event(101))
  page.fire("pagehide")
  assert.equal(server.last.closed, true)
  page.fire("online", "focus")
  time.pass(3_600_000)
  assert.equal(server.sockets.length, 1)
  page.fire("pageshow")
  time.pass(0)
  assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.101")
})

test("a client stopped while its page is left can be started when it is back", (t) => {
  const { server, time, page, pull } = client(t)
  page.fire("pagehide")
  pull.stop()
  pull.start()
  time.pass(0)
  assert.equal(server.sockets.length, 2)
})

test("a page that wakes begins a new series of attempts", async (t) => {
  const { server, time, page } = client(t, {}, () => answer(500))
  for (let i = 0; i < 6; i++) await failSocket({ server, time })
  server.last.drop(1006)
  await settle()
  page.fire("focus")
  time.pass(0)
  const { length } = server.sockets
  server.last.drop(1006)
  await settle()
  time.pass(250)
  assert.equal(server.sockets.length, length + 1)
})

test("start is idempotent, and stop leaves neither socket nor timer nor listener", async (t) => {
  const { server, time, page, pull } = client(t)
  pull.stop()
  const listen = t.mock.method(page, "addEventListener")
  assert.equal(await pull.start(), true)
  assert.equal(await pull.start(), true)
  time.pass(0)
  assert.equal(server.sockets.length, 2)
  server.last.say(hello())
  pull.stop()
  page.fire("focus", "pageshow")
  time.pass(3_600_000)
  assert.deepEqual([server.sockets.length, server.last.closed, pull.isConnected()], [2, true, false])
  const signals = listen.mock.calls.map((call) => /** @type {any} */ (call.arguments[2]).signal)
  assert.ok(signals.length === 6 && signals.every(({ aborted }) => aborted))
})

test("unreadable frames close and reconnect, and never throw into the page", (t) => {
  const errors = consoleErrors(t)
  const { server, time } = client(t)
  for (const data of ["{", "7", "[null]", "[{}]", '[{"module_id":1}]']) {
    server.last.say(hello())
    server.last.onmessage?.({ data })
    assert.equal(server.last.closed, true, data)
    time.pass(15_000)
  }
  assert.deepEqual([server.sockets.length, errors.callCount()], [6, 5])
})

test("a message before hello is a broken server", (t) => {
  consoleErrors(t)
  const { server, pull, hooks } = client(t)
  server.last.say(event(101), hello())
  assert.deepEqual([pull.isConnected(), hooks.filter(([name]) => name.startsWith("onPullEvent"))], [false, []])
})

test("three welcome but broken WebSockets in a row make the page use a stream", async (t) => {
  const stream = fakeStream()
  const { server, time, pull, requests } = client(t, {}, (_, init) =>
    init.headers.Accept === "text/event-stream" ? stream.response : answer(426),
  )
  for (let i = 0; i < 3; i++) await failSocket({ server, time })
  assert.equal(server.sockets.length, 3)
  stream.say(hello())
  await settle()
  assert.deepEqual([pull.isConnected(), pull.getDebugInfo().transport], [true, "sse"])
  assert.equal(requests.at(-1)?.url.href, "https://example.com/pull?client=page-0123456789abcdef")
})

/** A page whose WebSockets are blocked, on its first stream.
 *  @param {import("node:test").TestContext} t */
async function onStream(t) {
  /** @type {ReturnType<typeof fakeStream>[]} */
  const streams = []
  const world = client(t, {}, (_, init) => {
    if (init.headers.Accept !== "text/event-stream") return answer(426)
    streams.push(fakeStream())
    return /** @type {ReturnType<typeof fakeStream>} */ (streams.at(-1)).response
  })
  for (let i = 0; i < 3; i++) await failSocket(world)
  await settle()
  streams[0].say(hello())
  await settle()
  return { ...world, streams }
}

test("a stream that ends soon is followed by a stream, later by a WebSocket", async (t) => {
  const { server, time, streams } = await onStream(t)
  streams[0].end()
  await settle()
  time.pass(4000)
  await settle()
  assert.deepEqual([streams.length, server.sockets.length], [2, 3])
  streams[1].say(hello())
  await settle()
  for (let minute = 0; minute < 4; minute++) {
    time.pass(50_000)
    streams[1].write(":\n\n")
    await settle()
  }
  streams[1].end()
  await settle()
  time.pass(500)
  assert.deepEqual([streams.length, server.sockets.length], [2, 4])
})

test("after ten minutes a stream lets a WebSocket try, with the cursor, and stays with it once it works", async (t) => {
  const { server, time, streams, pull } = await onStream(t)
  streams[0].say(event(101))
  for (let i = 0; i < 13 && server.sockets.length === 3; i++) {
    streams[0].write(":\n\n")
    await settle()
    time.pass(50_000)
  }
  assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.101")
  server.last.say(hello({ recovered: true }), event(101), event(102))
  assert.deepEqual([pull.cursor, pull.getDebugInfo().transport], ["k3f9.102", "websocket"])
  server.last.drop(1006)
  time.pass(500)
  assert.equal(server.sockets.length, 5)
})

test("where streams fail too, the two take turns", async (t) => {
  const { server, time, requests } = client(t, {}, (_, init) => answer(init.headers.Accept === "text/event-stream" ? 502 : 426))
  for (let i = 0; i < 3; i++) await failSocket({ server, time })
  const streams = () => requests.filter(({ init }) => init.headers.Accept === "text/event-stream").length
  await settle()
  assert.deepEqual([streams(), server.sockets.length], [1, 3])
  time.pass(30_000)
  assert.deepEqual([streams(), server.sockets.length], [1, 4])
  await failSocket({ server, time })
  assert.deepEqual([streams(), server.sockets.length], [2, 4])
})

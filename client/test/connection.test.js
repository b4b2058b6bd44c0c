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
  assert.equal(server.last.url.href, "wss://example.com/pull?client=page-0123456789abcdef&protocol=2")
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

test("a WebSocket that has an error and no end is a failed attempt, once", async (t) => {
  const { server, time } = client(t, {}, () => Promise.reject(new TypeError("no network")))
  for (let attempt = 1; attempt < 4; attempt++) {
    const { last } = server
    last.fail()
    await settle()
    time.pass(5_000)
    last.drop(1006)
    assert.equal(server.sockets.length, attempt + 1)
  }
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
  assert.deepEqual(hooks.filter(([name]) => name === "onPullError"), [["onPullError", "AUTHORIZE_ERROR", "network"]])
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
  assert.equal(url.href, server.last.url.href.replace("wss", "https") + "&origin=https%3A%2F%2Fexample.com")
  assert.deepEqual(init.headers, { Accept: "application/json" })
  assert.equal(init.cache, "no-store")
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
  time.pass(62_500)
  assert.equal(pull.isConnected(), false)
})

for (const name of ["visibilitychange", "focus", "pageshow"]) {
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

test("online: pages return within five seconds, each at its own moment", (t) => {
  const { server, time, page } = client(t)
  for (const chance of [0.1, 0.9]) {
    server.last.say(hello())
    page.fire("offline")
    const { length } = server.sockets
    time.chance(chance)
    page.fire("online")
    time.pass(5000 * chance - 1)
    assert.equal(server.sockets.length, length)
    time.pass(1)
    assert.equal(server.sockets.length, length + 1)
  }
})

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
  time.pass(22_499)
  assert.equal(server.sockets.length, 1)
  time.pass(1)
  assert.equal(server.sockets.length, 2)
})

for (const name of ["visibilitychange", "focus", "online"]) {
  test(`pagehide without pageshow: the page connects with ${name}`, (t) => {
    const { server, time, page } = client(t)
    server.last.say(hello())
    page.fire("pagehide", name)
    time.pass(5000)
    assert.equal(server.sockets.length, 2)
  })
}

test("pagehide that is followed by nothing is not believed for ever", (t) => {
  const { server, time, page } = client(t)
  server.last.say(hello())
  page.fire("pagehide")
  time.pass(30_000)
  assert.equal(server.sockets.length, 2)
})

test("pagehide closes, so that the page may be kept, and pageshow resumes with the cursor", (t) => {
  const { server, time, page } = client(t)
  server.last.say(hello(), event(101))
  page.fire("pagehide")
  assert.equal(server.last.closed, true)
  time.pass(14_000)
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
  for (const data of ["{", "7"]) {
    server.last.say(hello())
    server.last.onmessage?.({ data })
    assert.equal(server.last.closed, true, data)
    time.pass(15_000)
  }
  assert.deepEqual([server.sockets.length, errors.callCount()], [3, 2])
})

test("a frame that cannot be read is told, and the page goes on behind it with a gap", (t) => {
  consoleErrors(t)
  const { server, time, hooks } = client(t)
  server.last.say(hello())
  server.last.onmessage?.({ data: "{" })
  time.pass(15_000)
  server.last.say(hello({ recovered: true, offset: 200 }))
  const told = hooks.map(([name, code]) => (name === "onPullError" ? code : name)).filter((name) => name !== "onPullStatus")
  assert.deepEqual(told, ["MESSAGE_ERROR", "onPullGap"])
})

for (const [name, params] of /** @type {[string, object][]} */ ([["hello", { epoch: "k3f9", offset: 2 ** 53 }], ["tick", { offset: 2 ** 53 }], ["tick", { offset: -1 }]])) {
  test(`a ${name} with the offset ${/** @type {any} */ (params).offset} is a broken server, and told`, (t) => {
    consoleErrors(t)
    const { server, pull, hooks } = client(t)
    server.last.say(...(name === "hello" ? [] : [hello()]), { module_id: "pull", command: name, params })
    assert.equal(pull.isConnected(), false)
    assert.ok(hooks.some(([hook, code]) => hook === "onPullError" && code === "MESSAGE_ERROR"))
  })
}

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
  assert.equal(requests.at(-1)?.url.href, "https://example.com/pull?client=page-0123456789abcdef&protocol=2")
})

/** A page whose WebSockets are blocked, on its first stream.
 *  @param {import("node:test").TestContext} t
 *  @param {(url: URL, init: any) => Response | undefined} [fetch] answers what it wants to */
async function onStream(t, fetch = () => undefined) {
  /** @type {ReturnType<typeof fakeStream>[]} */
  const streams = []
  const world = client(t, {}, (url, init) => {
    const answered = fetch(url, init)
    if (answered) return answered
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
    time.pass(50_000)
    streams[0].write(":\n\n")
    await settle()
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

test("a page that slept through Retry-After connects when it wakes, and no clock delays it", async (t) => {
  const { server, time, page } = client(t, {}, () => answer(503, { "Retry-After": "60" }))
  server.last.drop(1006)
  await settle()
  time.freeze(-7_200_000)
  page.fire("focus")
  time.pass(60_500)
  assert.equal(server.sockets.length, 2)
  server.last.drop(1006)
  await settle()
  time.freeze(7_200_000)
  page.fire("focus")
  time.pass(0)
  assert.equal(server.sockets.length, 3)
})

test("a clock set forward makes no storm", (t) => {
  const { server, time, page } = client(t)
  server.last.say(hello())
  time.freeze(7_200_000)
  for (let i = 0; i < 20; i++) {
    page.fire("focus", "visibilitychange")
    time.pass(10)
    server.last.say(hello({ recovered: true }))
  }
  assert.ok(server.sockets.length <= 2)
})

for (const tick of [1e9, 1e300, 0, -5, NaN, 0.001]) {
  test(`a tick of ${tick} seconds neither ends the connection at once nor keeps the page busy`, (t) => {
    const { server, time, pull } = client(t)
    server.last.say(hello({ tick }))
    time.pass(4000)
    assert.deepEqual([pull.isConnected(), server.sockets.length], [true, 1])
  })
}

for (const retryAfter of ["-5", "NaN", "1e400", "99999999999999999999", "Infinity"]) {
  test(`Retry-After: ${retryAfter} keeps the page away for a day at most, and makes no storm`, async (t) => {
    const { server, time } = client(t, {}, () => answer(503, { "Retry-After": retryAfter }))
    server.last.drop(1006)
    await settle()
    time.pass(100)
    assert.equal(server.sockets.length, 1)
    time.pass(86_400_000 + 500)
    assert.equal(server.sockets.length, 2)
  })
}

for (const [name, WebSocket] of /** @type {[string, any][]} */ ([
  ["is missing", null],
  ["throws", class { constructor() { throw new DOMException("insecure", "SecurityError") } }],
])) {
  test(`where WebSocket ${name} a stream carries the page`, async (t) => {
    const stream = fakeStream()
    const { pull } = client(t, { WebSocket }, () => stream.response)
    await settle()
    stream.say(hello())
    await settle()
    assert.deepEqual([pull.isConnected(), pull.getDebugInfo().transport], [true, "sse"])
  })
}

/** @type {[string, () => Response | Promise<Response>][]} */
const deadStreams = [
  ["ends at once", () => new Response("", { headers: { "Content-Type": "text/event-stream" } })],
  ["has no readable body", () => /** @type {any} */ ({ ok: true, status: 200, headers: new Headers({ "Content-Type": "text/event-stream" }) })],
  ["cannot be fetched", () => Promise.reject(new TypeError("refused by a policy"))],
  ["is 404", () => answer(404)],
]
for (const [name, respond] of deadStreams) {
  test(`where WebSocket is missing and the stream ${name}, the page is told why, once, and makes no storm`, async (t) => {
    const { time, hooks, requests } = client(t, { WebSocket: null }, respond)
    for (let second = 0; second < 600; second++) {
      await settle()
      time.pass(1000)
    }
    const told = hooks.filter(([hook]) => hook === "onPullError")
    assert.equal(told.length, 1)
    assert.ok(told[0][1] === "CONNECT_ERROR" && told[0][2])
    assert.ok(requests.length < 60, `${requests.length} requests in ten minutes`)
  })
}

test("where nothing answers at all, the page is told after a while, once", async (t) => {
  const { server, time, hooks } = client(t, { fetch: null })
  for (let attempt = 0; attempt < 20; attempt++) {
    server.last.drop(1006)
    await settle()
    time.pass(30_000)
  }
  assert.deepEqual(hooks.filter(([hook]) => hook === "onPullError").map(([, code]) => code), ["CONNECT_ERROR"])
})

test("a login page instead of the server is a refusal, told once and asked for slowly", async (t) => {
  const { server, time, hooks, requests } = client(t, {}, () => new Response("<html>", { headers: { "Content-Type": "text/html" } }))
  for (let second = 0; second < 600; second++) {
    if (!server.last.closed) server.last.drop(1006)
    await settle()
    time.pass(1000)
  }
  assert.deepEqual(hooks.filter(([hook]) => hook === "onPullError"), [["onPullError", "AUTHORIZE_ERROR", "login page"]])
  assert.ok(requests.length <= 21, `${requests.length} requests in ten minutes`)
})

test("watches that cannot be extended are told once per outage, and tried again less and less often", async (t) => {
  const { pull, time, streams, hooks, requests } = await onStream(t, (_, { method }) =>
    method === "POST" ? answer(403) : undefined,
  )
  const posts = () => requests.filter(({ init }) => init.method === "POST").length
  const errors = () => hooks.filter(([hook]) => hook === "onPullError")
  const minutes = async (/** @type {number} */ many) => {
    for (let half = 0; half < 2 * many; half++) {
      time.pass(30_000)
      streams.at(-1)?.write(":\n\n")
      await settle()
      await settle()
    }
  }
  pull.extendWatch("TASK_7", true)
  await minutes(5)
  assert.deepEqual(errors(), [["onPullError", "WATCH_ERROR", "status 403"]])
  assert.equal(posts(), 3) // at once, after one minute, after two more
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { answer, client, consoleErrors, event, fakeStream, hello, settle } from "./fakes.js"

/** A page with a token, whose tickets are t1, t2 … unless `refuse` has another answer.
 *  @param {import("node:test").TestContext} t
 *  @param {any} [options]
 *  @param {(url: URL, init: any) => Response | Promise<Response> | undefined} [refuse] */
async function page(t, options, refuse = () => undefined) {
  let tickets = 0
  let tokens = 0
  const around = client(t, { token: () => `secret${++tokens}`, ...options }, (url, init) =>
    refuse(url, init) ?? (url.pathname === "/pull/ticket" ? Response.json({ ticket: `t${++tickets}`, expires: 30 }) : answer(426)))
  /** @type {string[]} */
  const errors = []
  around.pull.on("error", (code, reason) => errors.push(`${code} ${reason}`))
  const asked = (/** @type {string} */ path) => around.requests.filter(({ url }) => url.pathname === path)
  await settle()
  return { ...around, errors, asked }
}

const ticketOf = (/** @type {{ url: URL } | undefined} */ one) => one?.url.searchParams.get("ticket")

test("each handshake has a ticket of its own, and no address has the token", async (t) => {
  const { server, time, requests, asked } = await page(t)
  server.last.drop(1006)
  await settle()
  time.pass(500)
  await settle()
  assert.deepEqual(server.sockets.map(ticketOf), ["t1", "t3"])
  assert.equal(ticketOf(asked("/pull")[0]), "t2")
  assert.equal(asked("/pull/ticket").length, 3)
  for (const { url } of [...requests, ...server.sockets]) assert.doesNotMatch(url.href, /secret/)
})

test("each request has the token of its time, and the headers", async (t) => {
  let turn = 0
  const stream = fakeStream()
  const { pull, requests } = await page(t, { WebSocket: null, headers: async () => ({ "X-Turn": `${++turn}` }) }, (url) =>
    url.pathname === "/pull" ? stream.response : url.pathname === "/pull/watch" ? Response.json({}) : undefined)
  stream.say(hello())
  while (!pull.isConnected()) await settle()
  pull.getUsersLastSeen(["7"]).catch(() => {})
  while (requests.length < 3) await settle()
  const sent = requests.map(({ url, init: { method = "GET", headers } }) => [method, url.pathname, headers])
  const json = { "Content-Type": "application/json", "Pull-Client": "page-0123456789abcdef" }
  assert.deepEqual(sent, [
    ["POST", "/pull/ticket", { ...json, "X-Turn": "1", Authorization: "Bearer secret1" }],
    ["GET", "/pull", { Accept: "text/event-stream", "X-Turn": "2", Authorization: "Bearer secret2" }],
    ["POST", "/pull/watch", { ...json, "X-Turn": "3", Authorization: "Bearer secret3" }],
  ])
})

test("headers need no token, may be an object, and do not replace the client's own", async (t) => {
  const { server, asked } = await page(t, { token: null, headers: { "X-Tenant": "7", Accept: "text/html" } })
  server.last.drop(1006)
  await settle()
  assert.deepEqual(asked("/pull")[0].init.headers, { "X-Tenant": "7", Accept: "application/json" })
  assert.equal(ticketOf(server.last), null)
})

for (const none of [null, undefined, ""]) {
  test(`a token that is ${none === "" ? "empty" : none} is none: the server decides about guests`, async (t) => {
    const { server, asked } = await page(t, { token: () => none })
    assert.deepEqual([ticketOf(server.last), "Authorization" in asked("/pull/ticket")[0].init.headers], ["t1", false])
  })
}

test("the cursor and the client's id are in the handshake with a ticket as well", async (t) => {
  const { server, time } = await page(t)
  server.last.say(hello(), event(101))
  server.last.drop(1012)
  time.pass(5_000)
  await settle()
  assert.equal(server.last.url.search, "?client=page-0123456789abcdef&cursor=k3f9.101&protocol=2&ticket=t2")
})

test("where there is no WebSocket, a stream takes the ticket that it did not use", async (t) => {
  const { asked, pull } = await page(t, { WebSocket: class { constructor() { throw new Error("blocked") } } }, (_, { method }) =>
    method ? undefined : fakeStream().response)
  assert.deepEqual([asked("/pull").map(ticketOf), pull.getDebugInfo().transport], [["t1"], "sse"])
})

const refusals = /** @type {[string, any, (() => Response | Promise<Response>)?][]} */ ([
  ["a token that throws", { token: () => { throw new Error("secret") } }],
  ["a token that rejects", { token: async () => Promise.reject(new Error("secret")) }],
  ["headers that reject", { headers: async () => Promise.reject(new Error("secret")) }],
  ["a token that is no header", { token: () => "secret\n\u2028" }],
  ["401 to the ticket", {}, () => answer(401)],
  ["403 to the ticket", {}, () => answer(403)],
  ["a login page in the place of a ticket", {}, () => new Response("<html>", { headers: { "Content-Type": "text/html" } })],
  ["the way to a login page", {}, () => /** @type {any} */ ({ type: "opaqueredirect", status: 0, headers: new Headers() })],
])
for (const [name, options, respond] of refusals) {
  test(`${name}: the page goes on slowly, at once when it is looked at, is told once and not what it was`, async (t) => {
    const shown = consoleErrors(t)
    const { server, time, page: window, errors, pull } = await page(t, options, respond)
    assert.equal(server.sockets.length, 0)
    assert.equal(errors.length, 1)
    assert.match(errors[0], /^AUTHORIZE_ERROR (no token|login page|status 40[13])$/)
    time.pass(29_000)
    await settle()
    assert.equal(pull.getDebugInfo().transport, undefined)
    window.fire("focus")
    time.pass(0)
    assert.equal(pull.getDebugInfo().transport, "ticket")
    await settle()
    assert.equal(errors.length, 1)
    assert.equal(shown.callCount(), 0)
  })
}

for (const [name, respond] of /** @type {[string, () => Response | Promise<Response>][]} */ ([
  ["a dead network", () => Promise.reject(new TypeError("failed"))],
  ["500", () => answer(500)],
  ["501", () => answer(501)],
])) {
  test(`${name} to the ticket: the ordinary backoff, without a probe, and the page is told at the eighth time`, async (t) => {
    const { errors, requests, time, server } = await page(t, {}, respond)
    for (let attempt = 1; attempt < 8; attempt++) {
      assert.deepEqual([requests.length, errors.length], [attempt, 0])
      time.pass(250 * 2 ** Math.min(attempt - 1, 6))
      await settle()
    }
    assert.deepEqual([errors.length, requests.every(({ url }) => url.pathname === "/pull/ticket"), server.sockets.length], [1, true, 0])
    assert.match(errors[0], /^CONNECT_ERROR (status 50[01]|TypeError: failed)$/)
  })
}

test("Retry-After of a ticket holds", async (t) => {
  const { time, requests, page: window } = await page(t, {}, () => answer(429, { "Retry-After": "60" }))
  time.pass(30_000)
  window.fire("focus")
  time.pass(29_000)
  await settle()
  assert.equal(requests.length, 1)
  time.pass(1500)
  await settle()
  assert.equal(requests.length, 2)
})

for (const name of ["WebSocket", "stream"]) {
  test(`a refused ticket of a ${name} is not a refused login: another one follows soon, and the page is not told`, async (t) => {
    const { server, time, errors, asked } = await page(t, name === "stream" ? { WebSocket: null } : {}, (url) => (url.pathname === "/pull" ? answer(401) : undefined))
    const tries = () => (name === "stream" ? asked("/pull") : server.sockets)
    if (name === "WebSocket") server.last.drop(1006)
    await settle()
    assert.equal(tries().length, 1)
    time.pass(500)
    await settle()
    assert.equal(tries().length, 2)
    assert.notEqual(ticketOf(tries()[1]), ticketOf(tries()[0]))
    assert.deepEqual(errors, [])
  })
}

test("a probe with a ticket finds a blocked WebSocket, as without one", async (t) => {
  const { server, time, asked } = await page(t)
  for (let i = 0; i < 3; i++) {
    server.last.drop(1006)
    await settle()
    time.pass(40_000)
    await settle()
  }
  assert.equal(asked("/pull").at(-1)?.init.headers.Accept, "text/event-stream")
})

/** A token that the test gives when it wants. */
function later() {
  /** @type {((token: string) => void)[]} */
  const waiting = []
  return { waiting, token: () => new Promise((resolve) => waiting.push(resolve)) }
}

test("stop while a token is awaited: nothing is opened", async (t) => {
  const { token, waiting } = later()
  const { pull, server, errors, requests } = await page(t, { token })
  pull.stop()
  waiting[0]("secret")
  await settle()
  assert.deepEqual([server.sockets.length, errors, requests.filter(({ init }) => !init.signal.aborted)], [0, [], []])
})

test("a token that rejects after stop is told to nobody", async (t) => {
  let fail = () => {}
  const { pull, errors, states } = await page(t, { token: () => new Promise((_, reject) => (fail = () => reject(new Error("late")))) })
  pull.stop()
  fail()
  await settle()
  assert.deepEqual([errors, states], [[], ["connect"]])
  pull.start() // it was not stopped by what came late
})

test("stop and start while a token is awaited: one connection", async (t) => {
  const { token, waiting } = later()
  const { pull, server, time } = await page(t, { token })
  pull.stop()
  pull.start()
  pull.start()
  time.pass(0)
  assert.equal(waiting.length, 2)
  waiting.forEach((give, i) => give(`secret${i}`))
  await settle()
  while (waiting.length > 2) waiting.pop()
  assert.equal(server.sockets.length, 1)
})

test("a page that is left while a token is awaited connects when it is back", async (t) => {
  const { token, waiting } = later()
  const { server, time, page: window, errors } = await page(t, { token })
  window.fire("pagehide")
  waiting[0]("secret")
  await settle()
  assert.equal(server.sockets.length, 0)
  window.fire("pageshow")
  time.pass(0)
  waiting[1]("secret")
  await settle()
  assert.deepEqual([server.sockets.length, errors], [1, []])
})

test("a page that becomes hidden while a token is awaited connects", async (t) => {
  const { token, waiting } = later()
  const { server, page: window } = await page(t, { token })
  window.document.hidden = true
  window.fire("visibilitychange")
  waiting[0]("secret")
  await settle()
  assert.equal(server.sockets.length, 1)
})

test("a token that never answers is given up with the handshake, and asked for again", async (t) => {
  const { token, waiting } = later()
  const { time, server, errors } = await page(t, { token })
  time.pass(14_999)
  assert.equal(waiting.length, 1)
  time.pass(1)
  time.pass(250)
  assert.equal(waiting.length, 2)
  waiting[0]("late")
  await settle()
  assert.deepEqual([server.sockets.length, errors], [0, []])
  waiting[1]("secret")
  await settle()
  assert.equal(server.sockets.length, 1)
})

test("a ticket and its handshake have the time of one handshake", async (t) => {
  const { token, waiting } = later()
  const { time, server } = await page(t, { token })
  time.pass(14_000)
  waiting[0]("secret")
  await settle()
  assert.equal(server.last.closed, false)
  time.pass(1_000)
  assert.equal(server.last.closed, true)
})

test("a later script tag of another user: the ticket of the one before opens nothing", async (t) => {
  const { mark } = await import("../src/pull.js")
  const { token, waiting } = later()
  const { pull, server, time } = await page(t, { token, user: "42" })
  const login = /** @type {any} */ (pull)[mark].bind(pull)
  login({ user: "7", url: "/pull", token: null })
  pull.start()
  time.pass(0)
  waiting[0]("secret")
  await settle()
  assert.deepEqual(server.sockets.map(ticketOf), [null])
})

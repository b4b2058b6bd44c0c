import assert from "node:assert/strict"
import { test } from "node:test"
import { answer, client, consoleErrors, event, fakeStream, hello, settle } from "./fakes.js"

const asks = { module_id: "pull", command: "session", params: { until: 1_800_001_800 } }

/** A connected page whose server asks for its login.
 *  @param {import("node:test").TestContext} t
 *  @param {(turn: number) => Response | Promise<Response>} respond
 *  @param {any} [options] */
async function page(t, respond, options) {
  let turn = 0
  const around = client(t, options, (url) => (url.pathname === "/pull/session" ? respond(++turn) : url.pathname === "/pull/ticket" ? Response.json({ ticket: "t" }) : answer(426)))
  const { pull, server, requests } = around
  /** @type {unknown[]} */
  const told = []
  pull.on("session", (...args) => told.push(["session", ...args]))
  pull.on("error", (...args) => told.push(args))
  pull.on("control", (command) => command === "renewed" && told.push(command))
  await settle()
  server.last.say(hello(), event(101))
  const renewals = () => requests.filter(({ url }) => url.pathname === "/pull/session")
  const ask = async () => {
    server.last.say(asks)
    await settle()
  }
  return { ...around, told, renewals, ask }
}

const ok = (user = "42") => Response.json({ user, until: 1_800_001_800 })

test("a login is renewed as often as the server asks, without a reconnect and without a word to the page", async (t) => {
  const { pull, server, renewals, ask, told, time, states } = await page(t, () => ok())
  await ask()
  await ask()
  time.pass(60_000)
  await settle()
  const [{ url, init }] = renewals()
  const { method, headers, body, redirect, credentials, cache } = init
  assert.deepEqual({ url: url.href, method, headers, body, redirect, credentials, cache }, {
    url: "https://example.com/pull/session",
    method: "POST",
    headers: { "Content-Type": "application/json", "Pull-Client": "page-0123456789abcdef" },
    body: '{"client":"page-0123456789abcdef"}',
    redirect: "manual",
    credentials: undefined,
    cache: "no-store",
  })
  assert.deepEqual([renewals().length, told, server.sockets.length, states], [2, ["renewed", "renewed"], 1, ["connect", "online"]])
  assert.equal(pull.isConnected(), true)
})

test("a gap in the middle of a renewal does not end it", async (t) => {
  /** @type {(response: Response) => void} */
  let respond = () => {}
  const { server, told, ask, requests } = await page(t, () => new Promise((resolve) => (respond = resolve)))
  await ask()
  server.last.say(hello({ offset: 200 }))
  assert.equal(requests.at(-1)?.init.signal.aborted, false)
  respond(ok())
  await settle()
  assert.deepEqual(told, ["renewed"])
})

test("a guest stays a guest", async (t) => {
  const { server, told, ask, time } = await page(t, () => Response.json({}))
  server.last.drop(1012)
  time.pass(5_000)
  server.last.say(hello({ user: "" }))
  await ask()
  assert.deepEqual(told, ["renewed"])
})

test("on a stream the same", async (t) => {
  const stream = fakeStream()
  let asked = 0
  const { pull } = client(t, { WebSocket: null }, (url) => (url.pathname === "/pull" ? stream.response : (asked++, ok("another"))))
  let over = 0
  pull.on("session", () => over++)
  stream.say(hello(), asks)
  for (let i = 0; i < 100 && !over; i++) await settle()
  assert.deepEqual([asked, over, pull.isConnected()], [1, 1, false])
})

const refusals = /** @type {[string, () => Response, string][]} */ ([
  ["401", () => answer(401), "status 401"],
  ["403", () => answer(403), "status 403"],
  ["a login page", () => new Response("<html>", { headers: { "Content-Type": "text/html" } }), "login page"],
  ["the way to a login page", () => /** @type {any} */ ({ type: "opaqueredirect", status: 0, headers: new Headers() }), "login page"],
  ["another user", () => ok("7"), "another user"],
  ["no user", () => Response.json({}), "another user"],
])
for (const [name, respond, reason] of refusals) {
  test(`${name}: the login is over, the page is told, stays away, and start goes on where it was`, async (t) => {
    const { server, time, page: window, told, ask, pull, renewals, hooks } = await page(t, respond)
    await ask()
    assert.deepEqual(told, [["AUTHORIZE_ERROR", reason], ["session"]])
    assert.deepEqual(hooks.filter(([hook]) => hook === "onPullError"), [["onPullError", "AUTHORIZE_ERROR", reason]])
    for (let minute = 0; minute < 60; minute++) {
      window.fire("focus", "online", "visibilitychange", "pagehide", "pageshow")
      time.pass(60_000)
      await settle()
    }
    assert.deepEqual([server.sockets.length, renewals().length, told.length, pull.isConnected()], [1, 1, 2, false])
    pull.start()
    time.pass(0)
    assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.101")
  })
}

for (const [name, respond] of /** @type {[string, () => Response | Promise<Response>][]} */ ([
  ["a dead network", () => Promise.reject(new TypeError("failed"))],
  ["500", () => answer(500)],
  ["429", () => answer(429)],
])) {
  test(`${name}: it is tried again after 1, 2, 4 … seconds, until it works`, async (t) => {
    const { time, told, ask, renewals, pull } = await page(t, (turn) => (turn < 5 ? respond() : ok()))
    await ask()
    const times = [0]
    for (let second = 1; second < 20; second++) {
      time.pass(1000)
      await settle()
      if (renewals().length > times.length) times.push(second)
    }
    assert.deepEqual(times, [0, 1, 3, 7, 15])
    assert.deepEqual([told, pull.isConnected()], [["renewed"], true])
  })
}

test("a renewal that hangs is given up for the next one after ten seconds", async (t) => {
  const { time, told, ask, renewals } = await page(t, (turn) => (turn === 1 ? new Promise(() => {}) : ok()))
  await ask()
  time.pass(9_999)
  assert.equal(renewals().length, 1)
  time.pass(1)
  await settle()
  assert.deepEqual([renewals().length, renewals()[0].init.signal.aborted, told], [2, true, ["renewed"]])
})

test("a token that cannot be had for a renewal is asked for again: only the server ends a login", async (t) => {
  consoleErrors(t)
  let fails = false
  const { time, told, ask, pull } = await page(t, () => ok(), { token: async () => { if (fails) throw new Error("offline") } })
  fails = true
  await ask()
  fails = false
  time.pass(1000)
  await settle()
  assert.deepEqual([told, pull.isConnected()], [["renewed"], true])
})

/** An answer that the test gives when it wants. */
function later() {
  /** @type {(response: Response) => void} */
  let give = () => {}
  const promise = new Promise((resolve) => (give = resolve))
  return { respond: () => /** @type {Promise<Response>} */ (promise), give: (/** @type {Response} */ response) => give(response) }
}

for (const [name, response] of /** @type {[string, Response][]} */ ([["another user", ok("7")], ["a refusal", answer(401)], ["a failure", answer(500)]])) {
  test(`${name} that comes after stop changes nothing`, async (t) => {
    const { respond, give } = later()
    const { time, told, ask, pull, renewals } = await page(t, respond)
    await ask()
    pull.stop()
    give(response)
    await settle()
    time.pass(3_600_000)
    assert.deepEqual([told, renewals().length], [[], 1])
  })

  test(`${name} that comes after the next hello changes nothing: that connection has its own login`, async (t) => {
    const { respond, give } = later()
    const { time, told, ask, server, renewals, pull } = await page(t, respond)
    await ask()
    server.last.drop(1012)
    time.pass(5_000)
    server.last.say(hello())
    give(response)
    await settle()
    time.pass(30_000)
    await settle()
    assert.deepEqual([told, renewals().length, pull.isConnected()], [[], 1, true])
  })
}

test("a later hello on the same connection leaves a renewal alone: the server asks once", async (t) => {
  const { time, told, ask, server, renewals } = await page(t, (turn) => (turn === 1 ? answer(503) : ok()))
  await ask()
  server.last.say(hello({ epoch: "another" })) // the log broke, and so the request failed
  time.pass(1000)
  await settle()
  assert.deepEqual([renewals().length, told], [2, ["renewed"]])
})

test("a page may start the client again from the callback of a login that is over", async (t) => {
  const { ask, pull, server, time } = await page(t, () => ok("7"))
  pull.on("session", () => pull.start())
  await ask()
  time.pass(0)
  assert.equal(server.sockets.length, 2)
})

for (const when of ["after hello", "before hello"]) {
  test(`4401 ${when} means that the login is over: no probe, no return, and start goes on`, async (t) => {
    const { server, time, told, page: window, pull, requests, states } = await page(t, () => ok())
    if (when === "before hello") {
      server.last.drop(1012)
      time.pass(5_000)
    }
    const { length } = server.sockets
    server.last.drop(4401)
    await settle()
    for (let minute = 0; minute < 60; minute++) {
      window.fire("focus", "online", "visibilitychange", "pagehide", "pageshow")
      time.pass(60_000)
    }
    assert.deepEqual(told, [["AUTHORIZE_ERROR", "session over"], ["session"]])
    assert.deepEqual([server.sockets.length, requests.length, states.at(-1)], [length, 0, "offline"])
    pull.start()
    time.pass(0)
    assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.101")
  })
}

test("4401 on a stream", async (t) => {
  const stream = fakeStream()
  const { pull, requests, time } = client(t, { WebSocket: null }, () => stream.response)
  /** @type {unknown[]} */
  const told = []
  pull.on("session", () => told.push("session"))
  pull.on("error", (...args) => told.push(args))
  stream.say(hello())
  stream.write('event: close\ndata: {"code":4401,"reason":"session over"}\n\n')
  stream.end()
  for (let i = 0; i < 100 && told.length < 2; i++) await settle()
  time.pass(3_600_000)
  await settle()
  assert.deepEqual([told, requests.length], [[["AUTHORIZE_ERROR", "session over"], "session"], 1])
})

test("4401 ends a renewal that runs", async (t) => {
  const { respond, give } = later()
  const { told, ask, server, renewals } = await page(t, respond)
  await ask()
  server.last.drop(4401)
  give(ok("7"))
  await settle()
  assert.deepEqual([told.length, renewals()[0].init.signal.aborted], [2, true])
})

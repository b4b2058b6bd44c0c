import assert from "node:assert/strict"
import { test } from "node:test"
import { connect } from "../src/html/connect.js"
import { mark } from "../src/pull.js"
import { client, consoleErrors, fakeStream, hello, settle } from "./fakes.js"

/** @typedef {import("../src/html/grants.js").State} State */

/** A client that pull-html.mjs has been connected to, before it starts.
 *  @param {import("node:test").TestContext} t
 *  @param {object} [options]
 *  @param {import("./fakes.js").Answer} [fetch] */
function watching(t, options, fetch) {
  const document = Object.assign(new EventTarget(), { body: new EventTarget() })
  const defined = new Map()
  const names = { document, HTMLElement: class {}, customElements: { get: defined.get.bind(defined), define: defined.set.bind(defined) } }
  const globals = /** @type {any} */ (globalThis)
  for (const [name, value] of Object.entries(names)) globals[name] = value
  t.after(() => Object.keys(names).forEach((name) => delete globals[name]))

  const around = client(t, options, fetch)
  around.pull.stop()
  const pull = connect(around.pull, { domEvents: false })
  /** @type {string[]} */
  const errors = []
  pull.on("error", (code, reason) => errors.push(`${code} ${reason}`))
  let gaps = 0
  pull.on("gap", () => gaps++)
  const { time, server } = around
  /** @type {(answers: Record<string, State | [State, string]>) => void} */
  const answer = (answers) => {
    const params = Object.fromEntries(Object.entries(answers).map(([key, state]) => [key, { state: [state].flat()[0], grant: [state].flat()[1] }]))
    server.last.say({ module_id: "pull", command: "grants", params })
  }
  const start = () => {
    pull.start()
    time.pass(0)
  }
  const sent = () => server.last.sent.splice(0).map((text) => JSON.parse(text)).filter(({ looking }) => looking === undefined)
  const asked = () => server.last.url.searchParams.getAll("watch")
  return { ...around, pull, errors, gaps: () => gaps, answer, start, sent, asked, defined }
}

test("grants from before the first hello are in the handshake, later ones are sent", async (t) => {
  const { pull, server, start, sent, asked, answer, time } = watching(t)
  pull.watch("A")
  pull.watch("B")
  await settle()
  start()
  assert.deepEqual(asked(), ["A", "B"])
  server.last.say(hello())
  answer({ A: "ok", B: "ok" })
  assert.deepEqual(sent(), [])
  time.pass(500)
  time.pass(500)
  pull.watch("C")
  await settle()
  assert.deepEqual(sent(), [{ watch: ["C"] }])
})

test("what was not acknowledged is not in the next handshake but sent after it, renewed ones are in it", async (t) => {
  const { pull, server, start, sent, asked, answer, time } = watching(t)
  pull.watch("A")
  start()
  server.last.say(hello())
  answer({ A: ["ok", "A2"] })
  pull.watch("B")
  await settle()
  server.last.drop(1012)
  time.pass(5000)
  assert.deepEqual(asked(), ["A2"])
  server.last.say(hello({ recovered: true }))
  assert.deepEqual(sent(), [{ watch: ["B"] }])
})

test("a grant ends with the last that watches by it, once", async (t) => {
  const { pull, server, start, sent, answer, time } = watching(t)
  const ends = [pull.watch("A"), pull.watch("A")]
  start()
  server.last.say(hello())
  answer({ A: ["ok", "A2"] })
  ends[0]()
  ends[0]()
  await settle()
  time.pass(500)
  assert.deepEqual(sent(), [])
  ends[1]()
  await settle()
  time.pass(500)
  assert.deepEqual(sent(), [{ unwatch: ["A2"] }])
})

test("what ends and begins in one task, as an element that moves, changes nothing", async (t) => {
  const { pull, server, start, sent, answer, time } = watching(t)
  const end = pull.watch("A")
  start()
  server.last.say(hello())
  answer({ A: "ok" })
  end()
  pull.watch("A")
  pull.watch("B")()
  await settle()
  time.pass(1000)
  assert.deepEqual(sent(), [])
})

test("what ends while a handshake is under way is ended after it", async (t) => {
  const { pull, server, start, sent, time } = watching(t)
  const end = pull.watch("A")
  start()
  end()
  await settle()
  server.last.say(hello())
  time.pass(500)
  assert.deepEqual(sent(), [{ unwatch: ["A"] }])
})

test("changes leave at most every half second, the first at once", async (t) => {
  const { pull, server, start, sent, time } = watching(t)
  start()
  server.last.say(hello())
  time.pass(500)
  for (const name of ["A", "B", "C"]) {
    pull.watch(name)
    await settle()
  }
  assert.deepEqual(sent(), [{ watch: ["A"] }])
  time.pass(500)
  assert.deepEqual(sent(), [{ watch: ["B", "C"] }])
})

test("frames and handshakes are no larger than the server takes", async (t) => {
  const { pull, server, start, sent, asked } = watching(t)
  const grants = Array.from({ length: 80 }, (_, i) => String(i).padStart(2, "0").repeat(25))
  for (const grant of grants) pull.watch(grant)
  pull.watch("x".repeat(2048))
  pull.watch("y".repeat(2048))
  start()
  assert.equal(asked().length, 52)
  assert.ok(server.last.url.href.length < 4096)
  server.last.say(hello())
  const frames = sent()
  assert.equal(frames.flatMap(({ watch }) => watch).length, 30)
  for (const frame of frames) assert.ok(JSON.stringify(frame).length < 16_384)
})

test("what no longer fits into a handshake counts as unanswered until it is answered again", async (t) => {
  const { pull, server, start, sent, asked, answer, time } = watching(t)
  pull.watch("A")
  pull.watch("B")
  start()
  server.last.say(hello())
  const long = "x".repeat(2040)
  answer({ A: ["ok", long], B: ["ok", long.replace("x", "y")] })
  server.last.drop(1012)
  time.pass(5000)
  assert.deepEqual(asked(), [long])
  server.last.say(hello({ recovered: true }))
  assert.equal(sent().length, 1)
  answer({ [long]: ["ok", "A3"] })
  server.last.drop(1012)
  time.pass(5000)
  assert.deepEqual(asked(), ["A3"])
})

test("a gap is a gap of the page, and each listener gets the state", async (t) => {
  const { pull, server, start, answer, gaps, errors } = watching(t)
  /** @type {State[]} */
  const states = []
  pull.watch("A", (state) => states.push(state))
  start()
  server.last.say(hello())
  assert.equal(gaps(), 0)
  answer({ A: ["gap", "A2"] })
  assert.deepEqual([states, gaps(), errors], [["gap"], 1, []])
  pull.watch("A", (state) => states.push(state))
  assert.deepEqual(states, ["gap", "gap"])
})

for (const state of /** @type {State[]} */ (["expired", "forged", "foreign", "limit", /** @type {any} */ ("of a later version")])) {
  test(`a grant that is refused as ${state} is told and never sent again`, async (t) => {
    const { pull, server, start, answer, errors, sent, asked, time } = watching(t)
    const end = pull.watch("A")
    start()
    server.last.say(hello())
    answer({ A: state })
    assert.deepEqual(errors, [`WATCH_ERROR ${state}`])
    end()
    /** @type {State[]} */
    const states = []
    pull.watch("A", (one) => states.push(one))
    await settle()
    time.pass(3_600_000)
    server.last.drop(1012)
    time.pass(5000)
    assert.deepEqual([states, sent(), asked()], [[state], [], []])
  })
}

test("grants are renewed as often as watches are extended, and sent again sooner without an answer", async (t) => {
  const { pull, server, start, answer, sent, time } = watching(t, { extendEvery: 600 })
  pull.watch("A")
  pull.watch("B")
  start()
  server.last.say(hello({ tick: 100_000 }))
  answer({ A: "ok" })
  time.pass(59_999)
  assert.deepEqual(sent(), [])
  time.pass(1)
  assert.deepEqual(sent(), [{ watch: ["B"] }])
  answer({ A: ["ok", "A2"], B: ["ok", "B2"] })
  time.pass(500) // between two frames
  time.pass(599_499)
  assert.deepEqual(sent(), [])
  time.pass(1)
  assert.deepEqual(sent(), [{ watch: ["A2", "B2"] }])
})

test("a grant of the handshake is renewed in time though nothing else is sent", async (t) => {
  const { pull, server, start, answer, sent, time } = watching(t, { extendEvery: 10 })
  pull.watch("A")
  start()
  server.last.say(hello({ tick: 100_000 }))
  answer({ A: ["ok", "A2"] })
  time.pass(500)
  time.pass(9_500)
  assert.deepEqual(sent(), [{ watch: ["A2"] }])
})

test("grants that come and go do not put off the renewal of another", async (t) => {
  const { pull, server, start, answer, sent, time } = watching(t, { extendEvery: 600 })
  pull.watch("A")
  start()
  server.last.say(hello({ tick: 100_000 }))
  answer({ A: ["ok", "A2"] })
  for (let i = 0; i < 7; i++) {
    time.pass(90_000)
    const end = pull.watch(`B${i}`)
    await settle()
    answer({ [`B${i}`]: "ok" })
    end()
    await settle()
  }
  assert.deepEqual(sent().filter(({ watch }) => watch?.includes("A2")).length, 1)
})

test("an interval that no timer can measure renews nothing at once", async (t) => {
  const { pull, server, start, answer, sent, time } = watching(t, { extendEvery: 1e9 })
  pull.watch("A")
  start()
  server.last.say(hello({ tick: 100_000 }))
  answer({ A: "ok" })
  time.pass(90_000)
  assert.deepEqual(sent(), [])
})

test("a thousand grants leave no faster than the server takes requests", async (t) => {
  const { pull, server, start, sent, time } = watching(t)
  start()
  server.last.say(hello({ tick: 100_000 }))
  const grants = Array.from({ length: 1000 }, (_, i) => String(i).padStart(100, "x"))
  const ends = grants.map((grant) => pull.watch(grant))
  await settle()
  /** @type {string[]} */
  const watched = []
  for (let i = 0; i < 20; i++) {
    const frames = sent()
    assert.ok(frames.length <= (i ? 1 : 2), `${frames.length} frames at once`)
    for (const { watch } of frames) watched.push(...watch)
    time.pass(500)
  }
  assert.deepEqual(watched, grants)
  ends.forEach((end) => end())
  for (let i = 0; i < 20; i++) {
    await settle()
    assert.ok(sent().length <= 1)
    time.pass(500)
  }
})

test("what is no grant is refused by the server, and does not cost the connection", async (t) => {
  const { pull, server, start, asked, answer, errors } = watching(t)
  for (const grant of [undefined, "", " \n", "ü".repeat(3), "x".repeat(3000)]) pull.watch(/** @type {string} */ (grant))
  start()
  assert.deepEqual(asked(), ["undefined", "-", "-", "-", "x".repeat(2048)])
  server.last.say(hello())
  answer({ "-": "forged" })
  assert.deepEqual(errors, Array(3).fill("WATCH_ERROR forged"))
})

test("what was granted to the user before is not sent for the next one, and what was not accepted is", async (t) => {
  const { pull, server, start, answer, sent, asked, time, errors } = watching(t, { user: "42" })
  /** @type {string[]} */
  const states = []
  pull.watch("old", (state) => states.push(`old ${state}`))
  const ended = pull.watch("ended")
  pull.watch("new", (state) => states.push(`new ${state}`)) // of a page that is there before its script has run
  start()
  server.last.say(hello())
  answer({ old: ["ok", "old2"], new: "foreign", ended: "ok" })
  ended()
  const login = /** @type {any} */ (pull)[mark].bind(pull)
  login({ user: "7", url: "/pull" })
  start()
  assert.deepEqual(asked(), ["new"])
  await settle()
  server.last.say(hello({ user: "7" }))
  answer({ new: "ok" })
  time.pass(1000)
  assert.deepEqual(states, ["old ok", "new foreign", "old foreign", "new ok"])
  assert.deepEqual([sent(), errors], [[], ["WATCH_ERROR foreign"]])
  time.pass(3_600_000)
  server.last.drop(1012)
  time.pass(5000)
  assert.deepEqual(asked(), ["new"])
})

test("after a renewal of the login each grant is presented again, and comes back for the new one", async (t) => {
  const fetch = (/** @type {URL} */ url) => (url.pathname === "/pull/session" ? Response.json({ user: "42" }) : new Response("", { status: 426 }))
  const { pull, server, start, answer, sent, asked, time, errors, gaps } = watching(t, {}, fetch)
  pull.watch("A")
  pull.watch("B")
  pull.watch("refused")
  start()
  server.last.say(hello())
  answer({ A: ["ok", "A2"], B: "ok", refused: "forged" })
  pull.watch("C")() // has ended before
  time.pass(1000)
  assert.deepEqual(sent(), [])

  server.last.say({ module_id: "pull", command: "session", params: {} })
  await settle()
  time.pass(500)
  assert.deepEqual(sent(), [{ watch: ["A2", "B"] }])
  answer({ A2: ["ok", "A3"], B: "foreign" })
  time.pass(1000)
  assert.deepEqual([sent(), errors, gaps()], [[], ["WATCH_ERROR forged", "WATCH_ERROR foreign"], 0])
  server.last.drop(1012)
  time.pass(5000)
  assert.deepEqual(asked(), ["A3"])
})

test("a listener that throws stops nobody", async (t) => {
  const errors = consoleErrors(t)
  const { pull, server, start, answer } = watching(t)
  /** @type {State[]} */
  const states = []
  pull.watch("A", () => {
    throw new Error("mine")
  })
  pull.watch("A", (state) => states.push(state))
  start()
  server.last.say(hello())
  answer({ A: "ok" })
  assert.deepEqual([states, errors.callCount()], [["ok"], 1])
})

test("a client is connected once", (t) => {
  const { pull, defined } = watching(t)
  const { watch } = pull
  assert.equal(connect(pull), pull)
  assert.equal(pull.watch, watch)
  assert.deepEqual([...defined.keys()], ["pull-watch"])
})

test("a client that is online before may have missed fragments: a gap", (t) => {
  const { pull, server, start, gaps } = watching(t)
  start()
  server.last.say(hello())
  Reflect.deleteProperty(pull, "watch")
  connect(pull, { domEvents: false })
  assert.equal(gaps(), 1)
})

test("on a stream grants are posted, and the response is their answer", async (t) => {
  const state = /** @type {State} */ ("ok")
  /** @type {any[]} */
  const posted = []
  let stream = fakeStream()
  const fetch = (/** @type {URL} */ url, /** @type {any} */ { method, body }) => {
    if (method !== "POST") return (stream = fakeStream()).response
    posted.push([url.pathname, JSON.parse(body)])
    return Response.json({ A: { state } })
  }
  const { pull, start } = watching(t, { WebSocket: class { constructor() { throw new Error("blocked") } } }, fetch)
  start()
  stream.say(hello())
  for (let i = 0; i < 100 && !pull.isConnected(); i++) await settle()
  /** @type {State[]} */
  const states = []
  pull.watch("A", (one) => states.push(one))
  for (let i = 0; i < 100 && !states.length; i++) await settle()
  assert.deepEqual([posted.filter(([, body]) => body.watch), states], [[["/pull/watch", { watch: ["A"] }]], ["ok"]])
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { array, hello } from "./fakes.js"
import { fakeBrowser } from "./tabfakes.js"

const recovered = (/** @type {object} */ more = {}) => hello({ recovered: true, offset: 100, ...more })
const control = (/** @type {string} */ command, /** @type {object} */ params) => ({ module_id: "pull", command, params })

/** Some tabs with one connection. sent: what it has sent since.
 *  @param {import("node:test").TestContext} t
 *  @param {number} n */
async function opened(t, n, params = {}) {
  const browser = fakeBrowser(t)
  const tabs = []
  while (tabs.length < n) tabs.push(await browser.open({}))
  await browser.say(recovered(params))
  let from = 0
  const sent = () => {
    const all = browser.server.last.sent.slice(from).map((text) => JSON.parse(text))
    from += all.length
    return all
  }
  return { browser, tabs, server: browser.server, sent }
}

test("who was last seen is answered to the tab that asked", async (t) => {
  const { browser, tabs, sent } = await opened(t, 2)
  const first = tabs[0].pull.getUsersLastSeen(["7"])
  const second = tabs[1].pull.getUsersLastSeen(["8"])
  await browser.pass(0)
  await browser.say(control("seen", {}))
  await browser.say(control("seen", { 8: 61 }))
  assert.deepEqual([await first, await second], [{}, { 8: 61 }])
  assert.deepEqual(sent(), [{ seen: ["7"] }, { seen: ["8"] }])
})

test("the watches of many tabs are extended in no more frames than the server takes", async (t) => {
  const { browser, tabs, sent } = await opened(t, 20)
  for (const [i, { pull }] of tabs.entries()) {
    pull.extendWatch(`TASK_${i}`, true)
    pull.extendWatch("TASK", true)
  }
  await browser.pass(0)
  for (let i = 0; i < 30; i++) await browser.pass(500)
  const frames = sent()
  assert.ok(frames.length <= 20, `${frames.length} frames`)
  assert.equal(new Set(frames.flatMap(({ extend }) => extend)).size, 21)
  await browser.say(control("watch", { TASK: true, TASK_3: false }))
  assert.deepEqual(tabs[3].pull.getDebugInfo().watches, ["TASK"])
})

test("the user looks at a page as long as any tab is shown", async (t) => {
  const { browser, tabs, sent } = await opened(t, 2, { push: true })
  sent()
  const show = async (/** @type {any} */ { page }, /** @type {boolean} */ hidden) => {
    page.document.hidden = hidden
    page.fire("visibilitychange")
    await browser.pass(0)
    return sent()
  }
  assert.deepEqual(await show(tabs[0], true), [])
  assert.deepEqual(await show(tabs[1], true), [{ looking: false }])
  assert.deepEqual(await show(tabs[0], false), [{ looking: true }])
  await tabs[0].crash()
  assert.deepEqual(sent(), [{ looking: false }])
})

/** A tab's connection, as what pull-html.mjs uses.
 *  @param {any} tab */
const sender = ({ pull }) => pull[Symbol.for("echo-pull html")](() => {})[0]

test("a grant is in force as long as any tab has it, whatever it was renewed to", async (t) => {
  const { browser, tabs, sent } = await opened(t, 2)
  /** @type {any[]} */
  const answers = []
  for (const { pull } of tabs) pull.on("control", (/** @type {string} */ command, /** @type {any} */ params) => command === "grants" && answers.push(params))
  const [one, other] = tabs.map(sender)
  one({ watch: ["g"] })
  await browser.pass(0)
  await browser.say(control("grants", { g: { state: "ok", grant: "r1" } }))
  other({ watch: ["g"] })
  await browser.pass(0)
  await browser.say(control("grants", { g: { state: "ok", grant: "r2" } }))
  assert.equal(answers.length, 4)
  assert.deepEqual(sent(), [{ watch: ["g"] }, { watch: ["g"] }])
  one({ unwatch: ["r1"] })
  await browser.pass(0)
  assert.deepEqual(sent(), [])
  other({ unwatch: ["r2"] })
  await browser.pass(0)
  assert.deepEqual(sent(), [{ unwatch: ["r2"] }])
})

test("the grants of a tab that has gone are given up after a minute", async (t) => {
  const { browser, tabs, sent } = await opened(t, 2)
  sender(tabs[0])({ watch: ["g"] })
  await browser.pass(0)
  await browser.say(control("grants", { g: { state: "ok" } }))
  sent()
  tabs[0].pull.stop()
  await browser.pass(0)
  await browser.pass(59_000)
  await browser.say(control("tick", { epoch: "k3f9", offset: 100 }))
  assert.deepEqual(sent(), [])
  await browser.pass(1_000)
  assert.deepEqual(sent(), [{ unwatch: ["g"] }])
})

test("the grants of many tabs are presented again, and given up, in frames that the server takes", async (t) => {
  const { browser, tabs, server } = await opened(t, 4)
  const grants = Array.from({ length: 60 }, (_, i) => `${i}`.padEnd(400, "-"))
  for (const i of [0, 1, 2]) sender(tabs[i])({ watch: grants.slice(i * 20, i * 20 + 20) })
  await browser.pass(0)
  await browser.say(control("grants", Object.fromEntries(grants.map((grant) => [grant, { state: "ok" }]))))
  server.last.drop(1012)
  await browser.pass(0)
  await browser.pass(5_000)
  await browser.say(recovered())
  for (const i of [0, 1, 2]) tabs[i].pull.stop()
  await browser.pass(0)
  await browser.pass(60_000)
  const sent = server.sockets.slice(1).flatMap(({ sent }) => sent)
  assert.deepEqual(sent.filter((text) => text.length > 16_384).map(({ length }) => length), [])
  const all = (/** @type {string} */ key) => sent.flatMap((text) => JSON.parse(text)[key] ?? []).length
  const { length: meant } = new URL(server.last.url).searchParams.getAll("watch")
  assert.deepEqual([meant > 0, all("watch"), all("unwatch")], [true, 60 - meant, 60])
})

test("a tab that comes with a grant gets what was sent to its tags since it was rendered", async (t) => {
  const { browser, tabs, server } = await opened(t, 1)
  await browser.say(array(105))
  const late = browser.tab({ cursor: "k3f9.103" })
  const pull = /** @type {any} */ (late.pull)
  pull[Symbol.for("echo-pull html")]((/** @type {URL} */ address) => address.searchParams.append("watch", "g"))
  await late.start()
  assert.equal(server.sockets.length, 2)
  assert.deepEqual(server.last.url.searchParams.getAll("watch"), ["g"])
  assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.103")
  await browser.say(recovered({ offset: 106 }), control("grants", { g: { state: "ok" } }), array(104), array(105), array(106))
  assert.deepEqual([late.heard, tabs[0].heard], [[104, 105, 106], [105, 106]])
  assert.equal(server.sockets.length, 2)
})

test("messages to other pages are numbered for the connection, and answered to their tabs", async (t) => {
  const { browser, tabs, sent } = await opened(t, 2)
  /** @type {any[]} */
  const answers = []
  for (const [i, { pull }] of tabs.entries()) pull.on("control", (/** @type {string} */ command, /** @type {any} */ params) => command === "sent" && answers.push([i, params]))
  for (const tab of tabs) sender(tab)({ send: { n: 1, users: ["7"], module: "im", command: "typing" } })
  await browser.pass(0)
  const frames = sent()
  assert.deepEqual(frames.map(({ send }) => [send.n, send.tab]), tabs.map(({ pull }, i) => [i + 1, pull.clientId.split("_")[1]]))
  await browser.say(control("sent", { n: 2, state: "ok" }))
  await browser.say(control("sent", { n: 1, state: "limit" }))
  assert.deepEqual(answers, [[1, { n: 1, state: "ok" }], [0, { n: 1, state: "limit" }]])
})

test("a tab that comes later begins with who is online", async (t) => {
  const { browser } = await opened(t, 1)
  const online = (/** @type {string} */ command, /** @type {object} */ params) => ({ module_id: "online", command, params })
  await browser.say(online("online_list", { USERS: { 42: { id: "42", status: "online" } }, COUNT: 1, GUESTS: 0 }))
  await browser.say(online("user_online", { USER_ID: "7", STATUS: "online" }), online("user_offline", { USER_ID: "42", STATUS: "offline" }))
  const late = browser.tab({})
  /** @type {any[]} */
  const lists = []
  late.pull.on("online", ({ command, params }) => lists.push([command, Object.keys(params.USERS), params.COUNT]))
  await late.start()
  assert.deepEqual(lists, [["online_list", ["7"], 1]])
})

test("a user may be called __proto__", async (t) => {
  const { browser } = await opened(t, 1)
  const online = (/** @type {string} */ command, /** @type {object} */ params) => ({ module_id: "online", command, params })
  await browser.say(online("online_list", { USERS: {}, COUNT: 0, GUESTS: 0 }), online("user_online", { USER_ID: "__proto__", STATUS: "online" }))
  const late = browser.tab({})
  /** @type {any[]} */
  const lists = []
  late.pull.on("online", ({ params }) => lists.push([Object.keys(params.USERS), params.COUNT]))
  await late.start()
  assert.deepEqual(lists, [[["__proto__"], 1]])
})

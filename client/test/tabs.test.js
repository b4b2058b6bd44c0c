import assert from "node:assert/strict"
import { test } from "node:test"
import { array, hello } from "./fakes.js"
import { serve } from "../src/tabs/worker.js"
import { fakeBrowser } from "./tabfakes.js"

const recovered = (/** @type {number} */ offset, /** @type {object} */ more = {}) => hello({ recovered: true, offset, ...more })

/** Some tabs with one connection.
 *  @param {import("node:test").TestContext} t
 *  @param {number} n */
async function opened(t, n, params = {}) {
  const browser = fakeBrowser(t)
  const tabs = [await browser.open({})]
  await browser.say(recovered(100, params))
  while (tabs.length < n) tabs.push(await browser.open({}))
  return { ...browser, browser, tabs }
}

test("ten tabs are one connection, and each gets every event once and in order", async (t) => {
  const { server, browser, tabs } = await opened(t, 10)
  await browser.say(array(101), array(102))
  await browser.say(array(102), array(105))
  assert.equal(server.sockets.length, 1)
  for (const { pull, heard, told } of tabs) assert.deepEqual([pull.isConnected(), heard, told], [true, [101, 102, 105], []])
})

test("each tab has an id of its own, made of the connection's", async (t) => {
  const { server, tabs } = await opened(t, 3)
  const client = server.last.url.searchParams.get("client")
  const ids = tabs.map(({ pull }) => pull.clientId)
  assert.equal(new Set(ids).size, 3)
  for (const id of ids) assert.match(id, new RegExp(`^${client}_[1-9][0-9]*$`))
})

test("a late tab gets what it has missed from the worker", async (t) => {
  const { server, browser } = await opened(t, 1)
  await browser.say(array(101), array(103), array(104))
  const late = await browser.open({ cursor: "k3f9.102" })
  await browser.say(array(106))
  assert.deepEqual([late.heard, late.told, server.sockets.length], [[103, 104, 106], [], 1])
})

test("a tab that was rendered later than the connection began gets nothing of before", async (t) => {
  const { browser } = await opened(t, 1)
  const late = await browser.open({ cursor: "k3f9.102" })
  await browser.say(array(101), array(102), array(103))
  assert.deepEqual([late.heard, late.told], [[103], []])
})

test("a tab without a cursor begins where the connection is", async (t) => {
  const { browser } = await opened(t, 1)
  await browser.say(array(101))
  const late = await browser.open({ cursor: null })
  await browser.say(array(102))
  assert.deepEqual([late.heard, late.told, late.pull.cursor], [[102], [], "k3f9.102"])
})

test("for a tab that needs older events the connection begins again there, and nobody gets any twice", async (t) => {
  const { server, browser, tabs } = await opened(t, 2)
  await browser.say(array(103))
  const late = await browser.open({ cursor: "k3f9.90" })
  assert.equal(server.sockets[0].closed, true)
  assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.90")
  await browser.say(recovered(104), array(92), array(99), array(103), array(104))
  assert.deepEqual([late.heard, late.told], [[92, 99, 103, 104], []])
  for (const { heard, told } of tabs) assert.deepEqual([heard, told], [[103, 104], []])
  const { length } = server.sockets
  const next = await browser.open({ cursor: "k3f9.95" })
  assert.deepEqual([next.heard, server.sockets.length], [[99, 103, 104], length])
})

test("a tab that needs what the server has forgotten has a gap, and the others have none", async (t) => {
  const { server, browser, tabs } = await opened(t, 2)
  await browser.say(array(103))
  const late = await browser.open({ cursor: "k3f9.5" })
  await browser.say(hello({ offset: 107 }))
  assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.103")
  await browser.say(recovered(107), array(106), array(107))
  assert.deepEqual([late.heard, late.told], [[106, 107], ["gap"]])
  for (const { heard, told } of tabs) assert.deepEqual([heard, told], [[103, 106, 107], []])
})

test("a tab of another log has a gap", async (t) => {
  const { browser, tabs } = await opened(t, 1)
  const late = await browser.open({ cursor: "old.100" })
  const odd = await browser.open({ cursor: "k3f9.99999999999999999999" })
  await browser.say(array(101))
  assert.deepEqual([late.heard, late.told], [[101], ["gap"]])
  assert.deepEqual([odd.heard, odd.told], [[101], ["gap"]])
  assert.deepEqual(tabs[0].told, [])
})

test("a tab at a position that the log has not reached by the next tick has a gap", async (t) => {
  const { browser } = await opened(t, 1)
  const ahead = await browser.open({ cursor: "k3f9.500" })
  const behind = await browser.open({ cursor: "k3f9.102" })
  await browser.say({ module_id: "pull", command: "tick", params: { epoch: "k3f9", offset: 103 } })
  await browser.say(array(104))
  assert.deepEqual([ahead.told, ahead.heard], [["gap"], [104]])
  assert.deepEqual([behind.told, behind.heard], [[], [104]])
})

test("a log that begins anew is a gap for all tabs, but for one that the new server has rendered", async (t) => {
  const { server, browser, tabs } = await opened(t, 2)
  server.last.drop(1012)
  await browser.pass(0)
  const rendered = await browser.open({ cursor: "new.3" })
  await browser.pass(5000)
  await browser.say(hello({ epoch: "new", offset: 5 }))
  assert.equal(server.last.url.searchParams.get("cursor"), "new.3")
  await browser.say(recovered(5, { epoch: "new" }), array(4), array(5))
  await browser.pass(5000)
  assert.deepEqual([rendered.heard, rendered.told], [[4, 5], []])
  for (const { pull, told } of tabs) assert.deepEqual([pull.isConnected(), told], [true, ["gap"]])
})

test("after an outage each tab gets what it has missed", async (t) => {
  const { server, browser, tabs } = await opened(t, 3)
  await browser.say(array(101))
  server.last.drop(1006)
  await browser.pass(0)
  for (const { pull } of tabs) assert.equal(pull.isConnected(), false)
  await browser.pass(5000)
  assert.equal(server.sockets.length, 2)
  assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.101")
  await browser.say(recovered(104), array(102), array(104))
  for (const { heard, told, pull } of tabs) assert.deepEqual([pull.isConnected(), heard, told], [true, [101, 102, 104], []])
})

test("a later hello is a gap for all", async (t) => {
  const { browser, tabs } = await opened(t, 2)
  await browser.say(hello({ offset: 110 }), array(111))
  for (const { heard, told } of tabs) assert.deepEqual([heard, told], [[111], ["gap"]])
})

test("a disconnected user's tabs all stop", async (t) => {
  const { server, browser, tabs } = await opened(t, 3)
  server.last.drop(4003)
  await browser.pass(60_000)
  assert.equal(server.sockets.length, 1)
  for (const { told } of tabs) assert.deepEqual(told, ["AUTHORIZE_ERROR"])
})

test("another user reaches no tab", async (t) => {
  const { server, browser, tabs } = await opened(t, 2)
  server.last.drop(1012)
  await browser.pass(0)
  await browser.pass(5000)
  await browser.say(hello({ user: "7", offset: 200 }), array(201))
  for (const { heard, told } of tabs) assert.deepEqual([heard, told], [[], ["AUTHORIZE_ERROR", "session"]])
  await browser.pass(0)
  assert.equal(server.last.closed, true)
})

test("the last tab to go ends the connection", async (t) => {
  const { server, browser, tabs } = await opened(t, 2)
  tabs[0].pull.stop()
  await browser.pass(5000)
  assert.equal(server.last.closed, false)
  tabs[1].page.fire("pagehide")
  await browser.pass(0)
  assert.equal(server.last.closed, true)
  const next = await browser.open({ cursor: "k3f9.101" })
  assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.100")
  await browser.say(recovered(103), array(101), array(103))
  assert.deepEqual([next.heard, next.told], [[103], []])
})

test("a tab that crashes is noticed", async (t) => {
  const { server, browser, tabs } = await opened(t, 1)
  await tabs[0].crash()
  await browser.pass(1000)
  assert.equal(server.last.closed, true)
})

test("a tab from the back/forward cache gets what it has missed", async (t) => {
  const { server, browser, tabs } = await opened(t, 2)
  tabs[0].page.fire("pagehide")
  await browser.pass(0)
  await browser.say(array(101), array(102))
  tabs[0].page.fire("pageshow")
  await browser.pass(0)
  await browser.pass(0)
  assert.deepEqual([tabs[0].heard, tabs[0].told, server.sockets.length], [[101, 102], [], 1])
})

const big = (/** @type {number} */ id) => [id, 1_800_000_000_000, "tasks:update", { ID: id, text: "x".repeat(100_000) }]

test("a frozen tab gets only so much, and the rest when it goes on", async (t) => {
  const { browser, tabs } = await opened(t, 2)
  tabs[0].freeze()
  for (let id = 101; id <= 112; id++) await browser.say(big(id))
  await browser.say(array(113), array(114))
  await tabs[0].thaw()
  const all = Array.from({ length: 14 }, (_, i) => 101 + i)
  for (const { heard, told } of tabs) assert.deepEqual([heard, told], [all, []])
})

test("a tab that was frozen for longer than the worker remembers recovers from the server", async (t) => {
  const { server, browser, tabs } = await opened(t, 2)
  tabs[0].freeze()
  for (let id = 101; id <= 140; id++) await browser.say(big(id))
  await tabs[0].thaw()
  await browser.pass(500)
  await browser.pass(0)
  assert.equal(server.sockets.length, 2)
  const { heard } = tabs[0]
  const at = heard.at(-1)
  assert.equal(server.last.url.searchParams.get("cursor"), `k3f9.${at}`)
  assert.ok(at < 125, "the worker sent too much to a frozen tab")
  await browser.say(recovered(140), ...Array.from({ length: 140 - at }, (_, i) => array(at + 1 + i)))
  const all = Array.from({ length: 40 }, (_, i) => 101 + i)
  for (const { heard, told } of tabs) assert.deepEqual([heard, told], [all, []])
})

test("an event that excepts its sender's tab reaches the others", async (t) => {
  const { browser, tabs } = await opened(t, 3)
  const number = tabs[1].pull.clientId.split("_")[1]
  /** @type {any[]} */
  const extras = []
  tabs[0].pull.on("message", ({ extra }) => extras.push(extra))
  await browser.say([...array(101), { tab: number, color: "red" }], array(102))
  assert.deepEqual(tabs.map(({ heard }) => heard), [[101, 102], [102], [101, 102]])
  assert.deepEqual([extras[0].tab, extras[0].color], [undefined, "red"])
  const late = await browser.open({ cursor: "k3f9.100" })
  assert.deepEqual(late.heard, [101, 102])
})

test("a tab that caused an event does not get it when it comes back either, and has its id still", async (t) => {
  const { browser, tabs } = await opened(t, 2)
  const id = tabs[0].pull.clientId
  tabs[0].pull.stop()
  await browser.pass(0)
  await browser.say([...array(101), { tab: id.split("_")[1] }], array(102))
  await tabs[0].start()
  assert.deepEqual([tabs[0].heard, tabs[0].pull.clientId], [[102], id])
})

test("a new worker goes on with the ids of the tabs", async (t) => {
  const { browser, server, workers, tabs } = await opened(t, 2)
  const ids = tabs.map(({ pull }) => pull.clientId)
  const client = server.last.url.searchParams.get("client")
  for (const { pull } of tabs) pull.stop()
  workers.clear()
  for (const tab of tabs) await tab.start()
  assert.equal(server.last.url.searchParams.get("client"), client)
  await browser.say(recovered(100))
  assert.deepEqual(tabs.map(({ pull }) => pull.clientId), ids)
})

test("a worker of another user, mount or version is another one", async (t) => {
  const { browser, server, workers } = await opened(t, 1)
  await browser.open({ user: "7" })
  await browser.open({ credentials: "include" })
  assert.equal(workers.size, 3)
  assert.equal(server.sockets.length, 3)
  for (const key of workers.keys()) assert.match(key, /pull-shared.js|join.js/)
})

/** @param {any} around
 *  @param {object} [options] */
async function alone({ browser }, options) {
  const tab = await browser.open(options)
  await browser.pass(5000)
  await browser.pass(500)
  return tab.own.sockets.length
}

test("a tab that cannot share has a connection of its own", async (t) => {
  const browser = fakeBrowser(t)
  assert.equal(await alone({ browser }, { user: undefined }), 1)
  assert.equal(await alone({ browser }, { page: Object.assign(browser.tab().page, { navigator: {} }) }), 0) // the page's own has no fake
  browser.fails = true
  assert.equal(await alone({ browser }), 1)
  browser.fails = false
  browser.silent = true
  assert.equal(await alone({ browser }), 1)
})

test("a file that cannot be loaded means a connection of one's own", async (t) => {
  const browser = fakeBrowser(t)
  const tab = browser.tab({ url: new URL("./none/", import.meta.url).href })
  await tab.start()
  for (let i = 0; i < 20; i++) await browser.pass(500)
  assert.equal(tab.own.sockets.length, 1)
  tab.own.last.say(recovered(100), array(101))
  assert.deepEqual(tab.heard, [101])
})

test("a worker that the application's policy keeps from connecting lets its tabs connect themselves", async (t) => {
  const { browser, workers, tabs } = await opened(t, 2)
  for (const { scope } of workers.values()) scope.dispatchEvent(new Event("securitypolicyviolation"))
  await browser.pass(0)
  await browser.pass(500)
  for (const { own } of tabs) assert.equal(own.sockets.length, 1)
  const late = await browser.open()
  await browser.pass(500)
  assert.equal(late.own.sockets.length, 1)
})

test("a tab that waits for a slow server does not look for the reason itself", async (t) => {
  const browser = fakeBrowser(t)
  const tab = browser.tab()
  const fetch = t.mock.method(tab.page, "fetch")
  await tab.start()
  for (let i = 0; i < 14; i++) await browser.pass(1000)
  const late = await browser.open()
  for (let i = 0; i < 14; i++) await browser.pass(1000)
  assert.equal(fetch.mock.callCount(), 0)
  await browser.say(recovered(100))
  assert.deepEqual([tab.pull.isConnected(), late.pull.isConnected()], [true, true])
})

test("what was refused for a reason is refused to each tab", async (t) => {
  const browser = fakeBrowser(t)
  const tabs = [await browser.open({}), await browser.open({})]
  browser.fetch = () => new Response("{}", { status: 403 })
  browser.server.last.drop(1006)
  await browser.pass(0)
  await browser.pass(60_000)
  assert.equal(browser.server.sockets.length, 1)
  for (const { told } of tabs) assert.deepEqual(told, ["AUTHORIZE_ERROR"])
})

test("a worker of another version lets a tab connect itself", () => {
  const scope = Object.assign(new EventTarget(), { navigator: { locks: { request() {} } } })
  /** @type {any[]} */
  const told = []
  const port = /** @type {any} */ ({ postMessage: (/** @type {any} */ message) => told.push(message) })
  serve(scope)(port)
  port.onmessage({ data: { version: "older", mount: "https://example.com/pull", client: "page-0123456789abcdef", cursor: null, grants: [] } })
  assert.deepEqual(told, [{ code: 0 }])
})

test("the worker keeps nothing of another user", async (t) => {
  const { server, browser, tabs } = await opened(t, 1)
  server.last.drop(1012)
  await browser.pass(0)
  await browser.pass(5000)
  await browser.say(recovered(201, { user: "7" }), array(201))
  assert.deepEqual(tabs[0].told, ["AUTHORIZE_ERROR", "session"])
  assert.equal(server.last.closed, true)
  await tabs[0].start() // after a login as the first user again
  assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.100")
  await browser.say(recovered(203), array(202))
  assert.deepEqual([tabs[0].heard, tabs[0].told], [[202], ["AUTHORIZE_ERROR", "session"]])
})

test("a frozen tab learns of another user, too", async (t) => {
  const { server, browser, tabs } = await opened(t, 2)
  server.last.drop(1012)
  await browser.pass(0)
  await browser.pass(5000)
  tabs[1].freeze()
  await browser.say(hello({ user: "7", offset: 200 }), array(201))
  await tabs[1].thaw()
  for (const { heard, told } of tabs) assert.deepEqual([heard, told], [[], ["AUTHORIZE_ERROR", "session"]])
})

test("a tab that goes before it has come does the worker no harm", async (t) => {
  const { browser, tabs } = await opened(t, 1)
  const early = browser.tab({})
  Object.assign(early.page, { navigator: { locks: { request: async () => {} } } }) // not granted yet
  early.pull.start()
  while (!early.ports.length) {
    browser.time.pass(0)
    await new Promise((resolve) => setImmediate(resolve))
  }
  early.pull.stop()
  await browser.pass(0)
  await browser.say(array(101))
  assert.deepEqual(tabs[0].heard, [101])
})

test("what fails in a worker that works does not part its tabs", async (t) => {
  const { browser, tabs } = await opened(t, 2)
  for (const { workerFails } of tabs) workerFails()
  await browser.pass(5000)
  assert.deepEqual([browser.server.sockets.length, ...tabs.map(({ own }) => own.sockets.length)], [1, 0, 0])
})

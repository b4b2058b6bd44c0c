import assert from "node:assert/strict"
import { test } from "node:test"
import { array, hello } from "./fakes.js"
import { fakeBrowser } from "./tabfakes.js"

const asks = { module_id: "pull", command: "session", params: { until: 1_800_001_800 } }

/** Ten tabs with one connection, whose server asks for its login.
 *  @param {import("node:test").TestContext} t
 *  @param {(turn: number) => Response} respond */
async function opened(t, respond) {
  const browser = fakeBrowser(t)
  /** @type {{ path: string, client: string, body: any }[]} */
  const requests = []
  browser.fetch = ({ pathname, href }, { headers, body }) => {
    requests.push({ path: href.slice(-8), client: headers["Pull-Client"], body: JSON.parse(body) })
    assert.match(pathname, /\/session$/)
    return respond(requests.length)
  }
  const tabs = []
  while (tabs.length < 10) tabs.push(await browser.open({}))
  await browser.say(hello({ recovered: true }))
  return { browser, tabs, requests, server: browser.server, client: browser.server.last.url.searchParams.get("client") }
}

const ok = (user = "42") => Response.json({ user, until: 1_800_001_800 })

test("ten tabs renew their login by one request of the connection, and each presents its grants again", async (t) => {
  const { browser, tabs, requests, server, client } = await opened(t, () => ok())
  const renewed = tabs.map(({ pull }) => {
    let times = 0
    pull.on("control", (/** @type {string} */ command) => command === "renewed" && times++)
    return () => times
  })
  await browser.say(asks)
  await browser.say(asks, array(101))
  assert.deepEqual(requests[0], { path: "/session", client, body: { client } })
  assert.deepEqual([requests.length, renewed.map((times) => times()), server.sockets.length], [2, Array(10).fill(2), 1])
  for (const { heard, told, pull } of tabs) assert.deepEqual([heard, told, pull.isConnected()], [[101], [], true])
})

for (const [name, respond] of /** @type {[string, () => Response][]} */ ([
  ["a refusal", () => new Response("{}", { status: 401 })],
  ["another user", () => ok("7")],
])) {
  test(`${name} is the end of the login for each tab, and start goes on where it was`, async (t) => {
    const { browser, tabs, requests, server } = await opened(t, respond)
    await browser.say(array(101))
    await browser.say(asks)
    await browser.pass(60_000)
    for (const { told, pull } of tabs) assert.deepEqual([told, pull.isConnected()], [["AUTHORIZE_ERROR", "session"], false])
    assert.deepEqual([requests.length, server.sockets.length, server.last.closed], [1, 1, true])
    await tabs[3].start()
    await browser.say(hello({ recovered: true, offset: 102 }), array(102))
    assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.101")
    assert.deepEqual([tabs[3].heard, tabs[4].heard], [[101, 102], [101]])
  })
}

test("4401 is the end of the login for each tab", async (t) => {
  const { browser, tabs, server } = await opened(t, () => ok())
  server.last.drop(4401)
  await browser.pass(60_000)
  for (const { told, pull } of tabs) assert.deepEqual([told, pull.isConnected()], [["AUTHORIZE_ERROR", "session"], false])
  assert.equal(server.sockets.length, 1)
})

test("a renewal that fails is tried again, over a later hello and without the tab that came first", async (t) => {
  const { browser, tabs, requests } = await opened(t, (turn) => (turn < 3 ? new Response("{}", { status: 503 }) : ok()))
  await browser.say(asks)
  await browser.say(hello({ epoch: "another" }))
  await tabs[0].crash()
  await browser.pass(1000)
  await browser.pass(2000)
  await browser.pass(60_000)
  assert.deepEqual([requests.length, tabs[1].told], [3, ["gap"]])
})

test("a renewal ends with the last tab", async (t) => {
  const { browser, tabs, requests } = await opened(t, () => new Response("{}", { status: 503 }))
  await browser.say(asks)
  for (const { pull } of tabs) pull.stop()
  await browser.pass(0)
  await browser.pass(60_000)
  assert.equal(requests.length, 1)
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { install } from "../src/bxpull.js"
import { event, FakePage, fakeSockets, fakeTime, hello } from "./fakes.js"

/** A page that navigates without a reload: each tag is evaluated in the same window.
 *  @param {import("node:test").TestContext} t
 *  @param {any} tag */
function visited(t, tag) {
  const page = new FakePage()
  t.after(() => page.BX.PULL?.stop())
  const time = fakeTime(t)
  const server = fakeSockets()
  page.WebSocket = server.WebSocket
  const visit = (/** @type {any} */ next) => {
    install(page, next)
    time.pass(0)
  }
  visit(tag)
  return { page, server, time, visit }
}

/** @typedef {{ url: string, user?: string, cursor: string, platform?: string }} Tag */

/** @type {Tag} */
const ann = { url: "/pull", user: "ann", cursor: "e.1" }
const bob = { url: "/pull", user: "bob", cursor: "e.5", platform: "mobile" }
const guest = { url: "/pull", user: "", cursor: "e.5" }

for (const [before, after] of /** @type {Tag[][]} */ ([[ann, bob], [ann, guest], [guest, ann], [ann, { url: "/pull", cursor: "e.5" }]])) {
  test(`the page of ${after.user || "a guest"} connects anew where it was ${before.user || "a guest"}'s`, (t) => {
    const { page, server, visit } = visited(t, before)
    const { PULL } = page.BX
    server.last.say(hello({ epoch: "e", user: before.user }), event(200))
    const old = server.last
    const id = PULL.clientId
    visit(after)
    assert.deepEqual([old.closed, server.sockets.length, page.BX.PULL], [true, 2, PULL])
    assert.equal(server.last.url.searchParams.get("cursor"), after.cursor)
    assert.notEqual(PULL.clientId, id)
    assert.equal(PULL.getDebugInfo().user, after.user)
  })
}

test("hooks and subscriptions go on with another user", (t) => {
  const { page, server, visit } = visited(t, ann)
  /** @type {unknown[]} */
  const calls = []
  page.BX.addCustomEvent("onPullEvent-tasks", () => calls.push("desktop"))
  page.BX.addCustomEvent("onPull-tasks", () => calls.push("mobile"))
  page.BX.PULL.subscribe({ moduleId: "tasks", callback: () => calls.push("subscribed") })
  visit(bob)
  server.last.say(hello({ user: "bob" }), event(101))
  assert.deepEqual(calls, ["mobile", "subscribed"])
})

test("nothing of a user's reaches the next one's connection", async (t) => {
  const { page, server, time, visit } = visited(t, ann)
  server.last.say(hello({ user: "ann" }))
  page.BX.PULL.extendWatch("TASK_OF_ANN", true)
  const asked = assert.rejects(page.BX.PULL.getUsersLastSeen(["7"]))
  visit(bob)
  server.last.say(hello({ user: "bob" }))
  time.pass(60_000)
  assert.deepEqual(server.sockets.slice(1).flatMap(({ sent }) => sent), [])
  assert.deepEqual(page.BX.PULL.getDebugInfo().watches, [])
  await asked
})

test("the same user again changes nothing", (t) => {
  const { page, server, visit } = visited(t, ann)
  server.last.say(hello({ user: "ann" }), event(101))
  const { clientId } = page.BX.PULL
  visit({ ...ann, cursor: "e.900" })
  assert.deepEqual([server.sockets.length, server.last.closed, page.BX.PULL.cursor, page.BX.PULL.clientId], [1, false, "k3f9.101", clientId])
})

for (const tag of [{}, { off: "guest" }, { user: "", off: "section" }, { ...ann, off: "user" }]) {
  test(`a tag of ${JSON.stringify(tag)} ends the connection, and the next user's begins a new one`, (t) => {
    const { server, time, visit } = visited(t, ann)
    server.last.say(hello({ user: "ann" }))
    visit(tag)
    time.pass(3_600_000)
    assert.deepEqual([server.sockets.length, server.last.closed], [1, true])
    visit({ ...ann, cursor: "e.9" })
    assert.equal(server.last.url.searchParams.get("cursor"), "e.9")
  })
}

test("a script that cannot know its tag changes nothing", (t) => {
  const { server, visit } = visited(t, ann)
  server.last.say(hello({ user: "ann" }))
  visit(false)
  assert.deepEqual([server.sockets.length, server.last.closed], [1, false])
})

test("a page without a url takes its hooks and subscriptions along to the page of a user", (t) => {
  const { page, server, visit } = visited(t, { off: "guest" })
  const { PULL } = page.BX
  /** @type {string[]} */
  const calls = []
  page.BX.addCustomEvent("onPullEvent-tasks", () => calls.push("hook"))
  PULL.subscribe({ moduleId: "tasks", callback: () => calls.push("subscribed") })
  PULL.start()
  visit(ann)
  server.last.say(hello({ user: "ann" }), event(101))
  assert.deepEqual([page.BX.PULL, PULL.isConnected(), calls], [PULL, true, ["hook", "subscribed"]])
})

test("a page without a url does not connect though its script calls start, not even after a user's page", (t) => {
  const { page, server, time, visit } = visited(t, ann)
  server.last.say(hello({ user: "ann" }))
  visit({ off: "guest" })
  page.BX.PULL.start()
  page.BX.PULL.restart()
  time.pass(3_600_000)
  assert.deepEqual([server.sockets.length, server.last.closed, page.BX.PULL.getDebugInfo().url], [1, true, null])
})

test("a tag of another mount connects there, though the user is the same", (t) => {
  const { server, visit } = visited(t, ann)
  server.last.say(hello({ user: "ann" }))
  visit({ ...ann, url: "/other/pull" })
  assert.equal(server.last.url.pathname, "/other/pull")
  visit({ ...ann, url: "/other/pull" })
  assert.equal(server.sockets.length, 2)
})

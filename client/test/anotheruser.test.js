import assert from "node:assert/strict"
import { test } from "node:test"
import { answer, client, event, fakeStream, hello, settle } from "./fakes.js"

/** What the page hears of its client, without the states that every page hears.
 *  @param {import("../src/pull.js").Pull} pull
 *  @param {[string, ...unknown[]][]} hooks */
function heard(pull, hooks) {
  /** @type {unknown[]} */
  const sessions = []
  pull.on("session", (...args) => sessions.push(args))
  const told = () => hooks.filter(([name, state]) => name !== "onPullStatus" || state === "online")
  return { sessions, told }
}

const refusal = [["onPullError", "AUTHORIZE_ERROR", "another user"]]

for (const [page, login] of [["ann", "bob"], ["ann", ""], ["", "bob"]]) {
  test(`a page of ${page || "a guest"} hears nothing of ${login || "a guest"}, is told, and stays away`, (t) => {
    const { server, pull, hooks, time, page: window } = client(t, { user: page, cursor: "k3f9.90" })
    const { told, sessions } = heard(pull, hooks)
    pull.extendWatch("TASK_7", true)
    const asked = assert.rejects(pull.getUsersLastSeen(["7"]))
    const socket = server.last
    socket.say(hello({ user: login, recovered: true }), event(101), { module_id: "online", command: "online_list", params: {} })
    assert.deepEqual([told(), sessions, pull.isConnected(), pull.cursor], [refusal, [[]], false, "k3f9.90"])
    assert.deepEqual([socket.closed, socket.sent], [true, []])
    for (let minute = 0; minute < 60; minute++) {
      window.fire("focus", "online", "visibilitychange", "pagehide", "pageshow")
      time.pass(60_000)
    }
    assert.deepEqual([server.sockets.length, told(), sessions.length], [1, refusal, 1])
    return asked
  })
}

test("a stream that is another user's is closed in the middle", async (t) => {
  const stream = fakeStream()
  const { pull, hooks, time, requests } = client(t, { user: "ann", WebSocket: null }, () => stream.response)
  const { told, sessions } = heard(pull, hooks)
  await settle()
  stream.say(hello({ user: "bob" }), event(101))
  stream.say(event(102))
  await settle()
  time.pass(3_600_000)
  await settle()
  assert.deepEqual([told(), sessions.length, pull.isConnected(), requests.length], [refusal, 1, false, 1])
  assert.equal(requests[0].init.signal.aborted, true)
})

test("a page that was refused before is told of another user as well", async (t) => {
  const { server, pull, hooks, time } = client(t, { user: "ann" }, () => answer(401))
  const { told } = heard(pull, hooks)
  server.last.drop(1006)
  await settle()
  time.pass(35_000)
  server.last.say(hello({ user: "bob" }))
  assert.deepEqual(told(), [["onPullError", "AUTHORIZE_ERROR", "status 401"], ...refusal])
})

test("after another user, start connects again, and goes on where the page was if it is its own user", (t) => {
  const { server, pull, hooks, time } = client(t, { user: "ann" })
  const { told } = heard(pull, hooks)
  server.last.say(hello({ user: "ann" }), event(101))
  server.last.drop(1006)
  time.pass(500)
  server.last.say(hello({ user: "bob" }), event(102))
  pull.start()
  time.pass(0)
  assert.equal(server.last.url.searchParams.get("cursor"), "k3f9.101")
  server.last.say(hello({ user: "ann", recovered: true }), event(103))
  assert.deepEqual(told().filter(([name]) => name === "onPullEvent").map(([, , , params]) => params), [{ ID: 101 }, { ID: 103 }])
})

test("the user is compared again with every hello", (t) => {
  const { server, pull, hooks } = client(t, { user: "ann" })
  const { told } = heard(pull, hooks)
  server.last.say(hello({ user: "ann" }), hello({ user: "bob" }), event(101))
  assert.deepEqual([told().at(-1), pull.isConnected()], [refusal[0], false])
})

test("an id is the same as a number", (t) => {
  const { server, pull, hooks } = client(t, { user: /** @type {any} */ (42) })
  server.last.say(hello({ user: "42" }))
  assert.equal(pull.isConnected(), true)
  server.last.say(hello({ user: "43" }))
  assert.deepEqual([pull.isConnected(), heard(pull, hooks).told().slice(-1)], [false, refusal])
})

test("a page that gave no user is not compared", (t) => {
  const { server, pull } = client(t)
  server.last.say(hello({ user: "bob" }))
  assert.equal(pull.isConnected(), true)
})

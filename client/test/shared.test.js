import assert from "node:assert/strict"
import { test } from "node:test"
import { shared } from "../src/shared.js"
import { client, hello, settle } from "./fakes.js"

/** @typedef {import("../pull.js").Pull} Pull */

/** A client that nothing has started yet.
 *  @param {import("node:test").TestContext} t */
function stopped(t) {
  const all = client(t)
  all.pull.stop()
  const pull = /** @type {Pull} */ (/** @type {unknown} */ (all.pull))
  return { ...all, pull, one: shared(pull), connected: () => all.server.sockets.filter((socket) => !socket.closed).length - 1 }
}

/** @param {string} command
 *  @param {object} params */
const online = (command, params) => ({ module_id: "online", command, params })

test("components share one connection, which ends a second after the last of them", async (t) => {
  const { one, server, time } = stopped(t)
  const before = server.sockets.length
  const ends = [one.hold(), one.hold()]
  await settle()
  time.pass(0)
  ends[0]()
  time.pass(5000)
  assert.equal(server.sockets.length, before + 1)
  assert.equal(server.last.closed, false)

  ends[1]()
  time.pass(999)
  assert.equal(server.last.closed, false)
  time.pass(1)
  assert.equal(server.last.closed, true)
})

test("a component that comes within the second keeps the connection", async (t) => {
  const { one, server, time } = stopped(t)
  const end = one.hold()
  await settle()
  time.pass(0)
  const { last } = server
  end()
  time.pass(500)
  one.hold()
  time.pass(5000)
  assert.equal(server.last, last)
  assert.equal(last.closed, false)
})

test("a component connects once those that come in the same moment listen", async (t) => {
  const { one, pull } = stopped(t)
  const start = t.mock.method(pull, "start")
  one.hold()()
  await settle()
  assert.equal(start.mock.callCount(), 0) // it has gone again
  one.hold()
  assert.equal(start.mock.callCount(), 0)
  await settle()
  assert.equal(start.mock.callCount(), 1)
})

test("a client that the page has stopped is not started by one more component", async (t) => {
  const { one, pull, server, time } = stopped(t)
  one.hold()
  await settle()
  time.pass(0)
  pull.stop()
  const { length } = server.sockets
  one.hold()
  time.pass(5000)
  assert.equal(server.sockets.length, length)
})

test("a status that is over within five seconds is shown by no component", async (t) => {
  const { one, server, time } = stopped(t)
  /** @type {string[]} */
  const told = []
  one.status.subscribe(() => told.push(one.status.get()))
  assert.equal(one.status.get(), "connect")
  one.hold()
  await settle()
  time.pass(0)
  server.last.say(hello())
  assert.equal(one.status.get(), "online")
  server.last.drop(1006)
  time.pass(4000)
  assert.equal(one.status.get(), "online")
  time.pass(1000)
  assert.equal(one.status.get(), "connect")
  assert.deepEqual(told, ["online", "connect"])
})

/** What the page has asked about, frame by frame.
 *  @param {{ sent: string[] }} socket */
const asked = (socket) => socket.sent.map((text) => JSON.parse(text).seen).filter(Boolean)

/** @param {import("node:test").TestContext} t */
async function connected(t) {
  const all = stopped(t)
  all.one.hold()
  await settle()
  all.time.pass(0)
  all.server.last.say(hello())
  const socket = all.server.last
  return {
    ...all,
    socket,
    /** @param {Record<string, number>} params */
    answer: async (params) => {
      socket.say({ module_id: "pull", command: "seen", params })
      await settle()
    },
  }
}

test("the users of all components of a moment are asked about at once", async (t) => {
  const { one, socket, answer } = await connected(t)
  one.people.show(["7", "8"], () => {})
  one.people.show(["8", "9"], () => {})
  await settle()
  assert.deepEqual(asked(socket), [["7", "8", "9"]])

  const before = Date.now()
  await answer({ 7: 0, 8: 61 })
  const { 7: here, 8: gone, 9: never } = one.people.get()
  assert.deepEqual([here, never], [{ isOnline: true, lastSeen: undefined }, { isOnline: false, lastSeen: undefined }])
  assert.deepEqual([gone?.isOnline, before - Number(gone?.lastSeen)], [false, 61_000])
})

test("components that come one after another ask every half second at most", async (t) => {
  const { one, socket, time, answer } = await connected(t)
  for (let id = 1; id <= 30; id++) {
    one.people.show([String(id)], () => {})
    await settle()
  }
  await answer({ 1: 0 })
  time.pass(499)
  await settle()
  assert.equal(asked(socket).length, 1)
  time.pass(1)
  await settle()
  assert.equal(asked(socket).length, 2)
  assert.equal(asked(socket)[1].length, 30)
  await answer({})
  time.pass(500)
  await settle()
  assert.equal(asked(socket).length, 2)
})

test("a change is shown at once, and a user whom nobody shows is nobody's", async (t) => {
  const { one, socket, answer } = await connected(t)
  let told = 0
  const end = one.people.show(["7"], () => told++)
  await settle()
  await answer({ 7: 0 })
  socket.say(online("user_offline", { USER_ID: "7" }))
  assert.equal(one.people.get()[7]?.isOnline, false)
  assert.ok(one.people.get()[7]?.lastSeen)
  socket.say(online("user_online", { USER_ID: "7" }))
  assert.deepEqual(one.people.get()[7], { isOnline: true, lastSeen: undefined })
  assert.equal(told, 3)

  const known = one.people.get()
  socket.say(online("user_online", { USER_ID: "8" }))
  assert.equal(one.people.get(), known)
  end()
  socket.say(online("user_offline", { USER_ID: "7" }))
  assert.equal(told, 3)
})

// A list names some of the users, and replaces what was known of all.
test("after each list the users are asked about again", async (t) => {
  const { one, socket, time, answer } = await connected(t)
  one.people.show(["7"], () => {})
  await settle()
  await answer({ 7: 0 })
  time.pass(500)
  await settle()
  socket.say(online("online_list", { USERS: {}, COUNT: 200, GUESTS: 0 }))
  await settle()
  await answer({ 7: 12 })
  assert.equal(asked(socket).length, 2)
  assert.equal(one.people.get()[7]?.isOnline, false)
})

test("without an answer nothing is known, and the next list asks again", async (t) => {
  const { one, socket, time } = await connected(t)
  one.people.show(["7"], () => {})
  await settle()
  time.pass(10_000)
  await settle()
  assert.deepEqual(one.people.get(), {})
  time.pass(500)
  await settle()
  socket.say(online("online_list", { USERS: {}, COUNT: 0, GUESTS: 0 }))
  await settle()
  assert.equal(asked(socket).length, 2)
})

test("users with the names of an object's own members are users like all others", async (t) => {
  const { one, answer } = await connected(t)
  one.people.show(["__proto__", "constructor"], () => {})
  await settle()
  await answer(JSON.parse('{"__proto__": 0}'))
  const people = one.people.get()
  assert.deepEqual(Object.keys(people), ["__proto__", "constructor"])
  assert.deepEqual(Object.values(people).map((person) => person?.isOnline), [true, false])
})

test("without a client nothing happens", async () => {
  const one = shared(null)
  one.hold()()
  one.status.subscribe(() => {})()
  one.people.show(["7"], () => {})()
  await settle()
  assert.equal(one.status.get(), "connect")
  assert.deepEqual(one.people.get(), {})
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { client, consoleErrors, event, hello } from "./fakes.js"

/** @typedef {import("node:test").TestContext} Test */

/** @param {[string, ...unknown[]][]} hooks */
const told = (hooks) => hooks.filter(([name]) => !/Status|Event/.test(name)).map(([name, code]) => code ?? name)

/** @type {[string, any][]} */
const unusable = [
  ["without a command", { id: 101, module_id: "tasks" }],
  ["of module 7", { id: 101, module_id: 7, command: "update" }],
  ["null", null],
  ["at 2^53", event(2 ** 53)],
  ["at 0", event(0)],
  ["at -1", event(-1)],
  ['at "101"', event(/** @type {any} */ ("101"))],
  ["that is an empty array", []],
  ["without a time", [101, null, "tasks:update", {}]],
  ["with a time in quotes", [101, "1795452002114", "tasks:update", {}]],
  ["with a time that no clock shows", [101, 1e300, "tasks:update", {}]],
  ["without a colon", [101, 1795452002114, "update", {}]],
  ["without a name", [101, 1795452002114]],
  ["with an array for a name", [101, 1795452002114, ["tasks:update"], {}]],
  ['at "101" of an array', ["101", 1795452002114, "tasks:update", {}]],
]
for (const [name, raw] of unusable) {
  test(`a message ${name} is told, and the page goes on with a gap`, (t) => {
    const errors = consoleErrors(t)
    const { server, pull, hooks } = client(t)
    /** @type {unknown[]} */
    const seen = []
    pull.on("message", ({ id }) => seen.push(id))
    server.last.say(hello(), raw, event(102))
    assert.deepEqual(told(hooks), ["MESSAGE_ERROR", "onPullGap"])
    assert.deepEqual([seen, pull.cursor, pull.isConnected()], [[102], "k3f9.102", true])
    assert.ok(errors.callCount() > 0)
  })
}

test("a message that cannot be handled is not met again", (t) => {
  consoleErrors(t)
  const { server, pull } = client(t)
  server.last.say(hello(), { id: 101, module_id: "tasks" })
  assert.equal(pull.cursor, "k3f9.101")
  server.last.say([102, 1795452002114, "tasks", {}])
  assert.equal(pull.cursor, "k3f9.102")
})

test("params that are nested deeper than the stack reach every handler", (t) => {
  const { server, pull, page } = client(t)
  let calls = 0
  page.BX = { onCustomEvent: (/** @type {any} */ _, /** @type {string} */ name) => void (calls += Number(name.startsWith("onPullEvent"))) }
  pull.subscribe({ moduleId: "tasks", callback: () => calls++ })
  pull.on("message", () => calls++)
  server.last.say(hello())
  server.last.onmessage?.({ data: `[{"id":101,"module_id":"tasks","command":"x","params":${"[".repeat(20_000)}${"]".repeat(20_000)}}]` })
  assert.equal(calls, 4) // two hooks
})

test("ids and tags that name a property of every object are like any other", async (t) => {
  const { server, pull, time } = client(t)
  server.last.say(hello())
  pull.extendWatch("__proto__", true)
  pull.extendWatch("constructor", true)
  time.pass(0)
  assert.deepEqual(server.last.sent, ['{"extend":["__proto__","constructor"]}'])
  server.last.onmessage?.({ data: '[{"module_id":"pull","command":"watch","params":{"__proto__":true,"constructor":false}}]' })
  assert.deepEqual(pull.getDebugInfo().watches, ["__proto__"])

  const asked = pull.getUsersLastSeen("__proto__")
  server.last.onmessage?.({ data: '[{"module_id":"pull","command":"seen","params":{"__proto__":7}}]' })
  assert.deepEqual(Object.entries(await asked), [["__proto__", 7]])
})

test("old libraries that put toJSON on every array and string do not change what is sent", (t) => {
  const { server, pull, time } = client(t)
  server.last.say(hello())
  for (const { prototype } of [Array, String]) {
    Object.assign(prototype, { toJSON: () => "theirs" })
    t.after(() => Reflect.deleteProperty(prototype, "toJSON"))
  }
  pull.extendWatch("TASK_7", true)
  time.pass(0)
  assert.deepEqual(server.last.sent, ['{"extend":["TASK_7"]}'])
})

test("a tick of another log says nothing about this one", (t) => {
  const { server, pull } = client(t)
  const tick = (/** @type {object} */ params) => server.last.say({ module_id: "pull", command: "tick", params })
  server.last.say(hello())
  tick({ epoch: "other", offset: 900 })
  assert.equal(pull.cursor, "k3f9.100")
  tick({ epoch: "k3f9", offset: 110 })
  tick({ offset: 120 })
  assert.equal(pull.cursor, "k3f9.120")
})

test("a cursor beyond 2^53 is a gap", (t) => {
  const { server, pull, hooks } = client(t, { cursor: "k3f9.99999999999999999999" })
  server.last.say(hello({ recovered: true }), event(101))
  assert.deepEqual([told(hooks), pull.cursor], [["onPullGap"], "k3f9.101"])
})

test("a message is as old as the server says, whatever the device's clock was from the beginning", (t) => {
  const { server, pull } = client(t)
  /** @type {number[]} */
  const ages = []
  pull.on("message", ({ extra }) => ages.push(extra.server_time_ago))
  server.last.say(hello({ server_time_unix: 1000 }), event(101, { extra: { server_time_unix: 940 } }))
  assert.deepEqual(ages, [60])
})

for (const skew of [0, 1_800_000, -1_800_000]) {
  for (const server_time_unix of [undefined, 1_800_000_000]) {
    const how = server_time_unix ? "with" : "without"
    test(`a message is as old as it is, ${how} the server's clock in hello, where the device's is set by ${skew} ms`, (t) => {
      const { server, pull, time } = client(t)
      /** @type {number[]} */
      const ages = []
      pull.on("message", ({ extra }) => ages.push(extra.server_time_ago))
      time.freeze(skew)
      server.last.say(hello({ server_time_unix }))
      time.pass(2000)
      server.last.say(event(101), event(102, { extra: { server_time_unix: 1_800_000_002 - 120 } }))
      assert.deepEqual(ages, [2, 120])
    })
  }
}

for (const set of [-7_200_000, 7_200_000]) {
  test(`a clock set by ${set} ms loses no extension of a watch`, (t) => {
    const { server, pull, time, page } = client(t, { extendEvery: 60 })
    server.last.say(hello({ tick: 3600 }))
    pull.extendWatch("A")
    time.pass(10_000)
    time.freeze(set)
    pull.extendWatch("B")
    time.pass(60_000)
    const sent = server.sockets.flatMap((socket) => socket.sent).join()
    assert.match(sent, /"A"/)
    assert.match(sent, /"B"/)
    page.fire("focus")
    assert.ok(server.sockets.length <= 2)
  })
}

test("a watch that fell due while the device slept is extended with the next connection", (t) => {
  const { server, pull, time, page } = client(t)
  server.last.say(hello())
  pull.extendWatch("A")
  time.freeze(3_600_000)
  page.fire("focus")
  time.pass(0)
  server.last.say(hello({ recovered: true }))
  time.pass(0)
  assert.deepEqual(server.last.sent, ['{"extend":["A"]}'])
})

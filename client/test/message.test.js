import assert from "node:assert/strict"
import { test } from "node:test"
import { hooksOf } from "../src/hooks.js"
import { kindOf, read } from "../src/message.js"

const raw = { module_id: "Tasks", command: "update", params: { ID: 7 }, extra: { server_time_unix: 100 } }
const message = read(raw, 102_500)

test("a message names its module in lower case, its age and its sender", () => {
  assert.deepEqual(message, {
    id: undefined,
    module_id: "tasks",
    command: "update",
    params: { ID: 7 },
    extra: { server_time_unix: 100, server_time_ago: 2.5, sender: { type: 2 } },
  })
})

test("an event is the same in either version of the protocol", () => {
  const extra = { server_time: "2026-11-23T16:40:02Z", server_time_unix: 1795452002.114 }
  /** @type {[any[], object][]} */
  const events = [
    [[58, 1795452002114, "tasks:update", { ID: 7 }], { id: 58, module_id: "tasks", command: "update", params: { ID: 7 }, extra }],
    [[58, 1795452002114, "a.b_c-1:with:two", 0], { id: 58, module_id: "a.b_c-1", command: "with:two", params: 0, extra }],
    [[58, 1795452002114, "pull:withdraw", { tag: "im-7" }], { id: 58, module_id: "pull", command: "withdraw", params: { tag: "im-7" }, extra }],
    [[58, 1795452002114, "a:b", 0, { sender: { type: 1 } }, "later"], { id: 58, module_id: "a", command: "b", params: 0, extra: { ...extra, sender: { type: 1 } } }],
  ]
  for (const [array, object] of events) assert.deepEqual(read(array, 1795452003114), read(object, 1795452003114))
  assert.equal(read(events[0][0], 1795452003114).extra.server_time_ago, 1)
})

test("a message is never from the future, and an unknown age is none", () => {
  assert.equal(read(raw, 0).extra.server_time_ago, 0)
  assert.equal(read({ module_id: "a", command: "b" }, 5000).extra.server_time_ago, 0)
})

test("params are never missing", () => {
  assert.deepEqual(read({ module_id: "a", command: "b", params: null }, 0).params, {})
})

test("what is no message throws", () => {
  for (const bad of [{}, { module_id: 1, command: "x" }, { module_id: "x" }, null]) {
    assert.throws(() => read(bad, 0), TypeError, JSON.stringify(bad))
  }
})

test("a client's message never passes for the server's, whatever module it names", () => {
  for (const module_id of ["tasks", "pull", "online"]) {
    assert.equal(kindOf(read({ ...raw, module_id, extra: { sender: { type: 1 } } }, 0)), "client")
  }
})

test("what the server has put into the log moves the cursor, save for a withdraw", () => {
  const kinds = ["render", "withdraw", "new"].flatMap((command) => [7, undefined].map((id) => kindOf(read({ ...raw, id, module_id: "pull", command }, 0))))
  assert.deepEqual(kinds, ["render", "control", "control", "control", "later", "control"])
})

test("the plugin's own modules are told from the others in any case", () => {
  const kinds = ["pull", "PULL", "Online", "pulls"].map((module_id) => kindOf(read({ ...raw, module_id, id: undefined }, 0)))
  assert.deepEqual(kinds, ["control", "control", "online", "server"])
})

const { params, extra } = message
/** @type {["desktop" | "mobile", "" | "Client" | "Online", unknown][]} */
const table = [
  ["desktop", "", [["onPullEvent-tasks", ["update", params, extra]], ["onPullEvent", ["tasks", "update", params, extra]]]],
  ["desktop", "Client", [["onPullClientEvent-tasks", ["update", params, extra]], ["onPullClientEvent", ["tasks", "update", params, extra]]]],
  ["desktop", "Online", [["onPullOnlineEvent", ["update", params, extra]]]],
  ["mobile", "", [["onPull-tasks", [{ module_id: "tasks", command: "update", params, extra }]], ["onPull", [{ module_id: "tasks", command: "update", params, extra }]]]],
  ["mobile", "Client", [["onPullClient-tasks", [{ module_id: "tasks", command: "update", params, extra }]]]],
  ["mobile", "Online", [["onPullOnline", [{ command: "update", params, extra }]]]],
]
for (const [platform, family, want] of table) {
  test(`hooks of a ${platform} page, family "${family}"`, () => {
    assert.deepEqual(hooksOf(platform === "mobile", family, message), want)
  })
}

import assert from "node:assert/strict"
import { test } from "node:test"
import { Subscriptions } from "../src/subscriptions.js"
import { consoleErrors } from "./fakes.js"

const message = { module_id: "tasks", command: "update", params: { ID: 7 }, extra: { a: 1 } }
const about = { type: "server", moduleId: "tasks" }

function recorder() {
  /** @type {unknown[][]} */
  const calls = []
  return { calls, callback: (/** @type {unknown[]} */ ...args) => void calls.push(args) }
}

/** @type {[string, object, string, unknown[]][]} */
const forms = [
  ["a module", { moduleId: "tasks" }, "server", [{ command: "update", params: { ID: 7 }, extra: { a: 1 } }, about]],
  ["a module in mixed case", { moduleId: "Tasks" }, "server", [{ command: "update", params: { ID: 7 }, extra: { a: 1 } }, about]],
  ["a command", { moduleId: "tasks", command: "update" }, "server", [{ ID: 7 }, { a: 1 }, "update", about]],
  ["a client's command", { type: "client", moduleId: "tasks", command: "update" }, "client", [{ ID: 7 }, { a: 1 }, "update", { ...about, type: "client" }]],
  ["online", { type: "online" }, "online", [{ command: "update", params: { ID: 7 }, extra: { a: 1 } }, { type: "online" }]],
  ["online with a module", { type: "online", moduleId: "x", command: "y" }, "online", [{ command: "update", params: { ID: 7 }, extra: { a: 1 } }, { type: "online" }]],
]
for (const [name, form, type, want] of forms) {
  test(`subscribe to ${name}: arguments`, () => {
    const { calls, callback } = recorder()
    const subscriptions = new Subscriptions()
    subscriptions.add({ ...form, callback })
    subscriptions.receive(type, message)
    assert.deepEqual(calls, [want])
  })
}

test("others are not called", () => {
  const { calls, callback } = recorder()
  const subscriptions = new Subscriptions()
  for (const form of [{ moduleId: "im" }, { moduleId: "tasks", command: "delete" }, { type: "client", moduleId: "tasks" }, { type: "online" }, { type: "status" }, { type: "revision", moduleId: "tasks" }]) {
    subscriptions.add({ ...form, callback })
  }
  subscriptions.receive("server", message)
  assert.deepEqual(calls, [])
})

test("status", () => {
  const { calls, callback } = recorder()
  const subscriptions = new Subscriptions()
  subscriptions.add({ type: "status", callback })
  subscriptions.tell({ type: "status" }, { status: "online" }, { type: "status" })
  assert.deepEqual(calls, [[{ status: "online" }, { type: "status" }]])
})

test("module-wide callbacks come before per-command ones, each in order of registration", () => {
  /** @type {number[]} */
  const order = []
  const subscriptions = new Subscriptions()
  subscriptions.add({ moduleId: "tasks", command: "update", callback: () => order.push(3) })
  subscriptions.add({ moduleId: "tasks", callback: () => order.push(1) })
  subscriptions.add({ moduleId: "tasks", command: "update", callback: () => order.push(4) })
  subscriptions.add({ moduleId: "tasks", callback: () => order.push(2) })
  subscriptions.receive("server", message)
  assert.deepEqual(order, [1, 2, 3, 4])
})

test("the same callback twice is called twice, and its end ends both", () => {
  const { calls, callback } = recorder()
  const subscriptions = new Subscriptions()
  subscriptions.add({ moduleId: "tasks", callback })
  const end = subscriptions.add({ moduleId: "Tasks", callback })
  subscriptions.add({ moduleId: "tasks", command: "update", callback })
  subscriptions.receive("server", message)
  assert.equal(calls.length, 3)
  end()
  subscriptions.receive("server", message)
  assert.equal(calls.length, 4)
})

test("a callback gets its own copy, may throw, and one unsubscribed meanwhile is skipped", (t) => {
  consoleErrors(t)
  const { calls, callback } = recorder()
  const subscriptions = new Subscriptions()
  subscriptions.add({ moduleId: "tasks", callback: (/** @type {any} */ data) => {
    end()
    data.params.ID = 0
    throw new Error("mine")
  } })
  const end = subscriptions.add({ moduleId: "tasks", callback: () => assert.fail("called after its end") })
  subscriptions.add({ moduleId: "tasks", callback })
  subscriptions.receive("server", message)
  assert.deepEqual(calls[0][0], { command: "update", params: { ID: 7 }, extra: { a: 1 } })
})

class Handler {
  /** @type {unknown[][]} */
  calls = []
  /** @type {object} */
  map = {}
  getModuleId() {
    return "Tasks"
  }
  getMap() {
    return this.map
  }
  /** @param {unknown[]} args */
  handleUpdate(...args) {
    this.calls.push(["handleUpdate", ...args])
  }
  /** @param {unknown[]} args */
  other(...args) {
    this.calls.push(["other", ...args])
  }
}

test("a handler: its map by name or function, read for every message, else handle<Command>", () => {
  const handler = new Handler()
  const subscriptions = new Subscriptions()
  const end = subscriptions.add(handler)
  subscriptions.receive("server", message)
  handler.map = { update: "other" }
  subscriptions.receive("server", message)
  handler.map = { update: handler.other }
  subscriptions.receive("server", message)
  subscriptions.receive("server", { ...message, command: "unknown" })
  subscriptions.receive("server", { ...message, command: "constructor" })
  end()
  subscriptions.receive("server", message)
  const args = [{ ID: 7 }, { a: 1 }, "update"]
  assert.deepEqual(handler.calls, [["handleUpdate", ...args], ["other", ...args], ["other", ...args]])
})

test("a command named like a property of every object is looked up as any other", () => {
  const { calls, callback } = recorder()
  const subscriptions = new Subscriptions()
  subscriptions.add({ getModuleId: () => "tasks", getMap: () => ({}), handleConstructor: callback })
  subscriptions.receive("server", { ...message, command: "constructor" })
  assert.equal(calls.length, 1)
})

test("a handler without a map, of another type", () => {
  /** @type {unknown[]} */
  const calls = []
  const subscriptions = new Subscriptions()
  subscriptions.add({ getModuleId: () => "tasks", getSubscriptionType: () => "client", handleUpdate: (/** @type {any} */ params) => calls.push(params) })
  subscriptions.receive("server", message)
  subscriptions.receive("client", message)
  assert.deepEqual(calls, [{ ID: 7 }])
})

test("a wrong argument is shown in the console and gives a function that does nothing", (t) => {
  const errors = consoleErrors(t)
  const subscriptions = new Subscriptions()
  const wrong = [null, undefined, {}, { moduleId: "tasks" }, { callback() {} }, { getModuleId: () => 7 }, "tasks"]
  for (const form of wrong) subscriptions.add(form)()
  assert.equal(errors.callCount(), wrong.length)
})

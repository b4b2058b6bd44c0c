import assert from "node:assert/strict"
import { test } from "node:test"
import { client, hello } from "./fakes.js"

/** @param {number} id
 *  @param {string} [command] */
const fragment = (id, command = "render") => [id, 1_800_000_000_000, `pull:${command}`, { selector: "#a", swap: "outer", html: "<p>" }]

/** @param {import("node:test").TestContext} t */
function rendering(t) {
  const around = client(t)
  /** @type {any[]} */
  const got = []
  around.pull.on("render", ({ id, params }) => got.push([id, params.selector]))
  around.server.last.say(hello())
  return { ...around, got }
}

test("a fragment moves the cursor, comes once, and to its own listeners only", (t) => {
  const { pull, server, hooks, got } = rendering(t)
  /** @type {any[]} */
  const others = []
  for (const name of ["message", "client", "online", "later"]) pull.on(/** @type {"message"} */ (name), () => others.push(name))
  pull.subscribe({ moduleId: "pull", callback: () => others.push("subscribed") })
  const { length } = hooks
  server.last.say(fragment(101), fragment(101), fragment(103))
  assert.deepEqual([got, others, hooks.slice(length)], [[[101, "#a"], [103, "#a"]], [], []])
  assert.equal(pull.cursor, "k3f9.103")
})

test("a command of a later version moves the cursor and nothing else", (t) => {
  const { pull, server, got } = rendering(t)
  server.last.say(fragment(101, "shine"))
  assert.deepEqual([got, pull.cursor], [[], "k3f9.101"])
})

test("a withdraw from the log does not move the cursor", (t) => {
  const { pull, server } = rendering(t)
  server.last.say(fragment(105, "withdraw"))
  assert.equal(pull.cursor, "k3f9.100")
})

test("a client's message with the name of a fragment is none", (t) => {
  const { server, got } = rendering(t)
  server.last.say([101, 1, "pull:render", {}, { sender: { type: 1, id: "7" } }])
  assert.deepEqual(got, [])
})

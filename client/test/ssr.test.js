import assert from "node:assert/strict"
import { test } from "node:test"
import { createElement as element, Fragment } from "react"
import { renderToString } from "react-dom/server"
import { createSSRApp, h } from "vue"
import { renderToString as renderVue } from "vue/server-renderer"
import { Pull } from "../src/pull.js"
import * as react from "../src/react.js"
import * as vue from "../src/vue.js"

/** @typedef {import("../pull.js").Pull} Public */

/** A client whose page fails as soon as anything is used.
 *  @param {import("node:test").TestContext} t
 *  @returns {Public} */
function untouchable(t) {
  const touched = () => assert.fail("the client was used")
  const page = /** @type {any} */ (new Proxy({}, { get: (_, name) => (["WebSocket", "fetch", "location"].includes(String(name)) ? undefined : touched()) }))
  const pull = new Pull({ url: "https://example.com/pull", page })
  for (const name of /** @type {const} */ (["start", "stop", "subscribe", "getUsersLastSeen"])) t.mock.method(pull, name, touched)
  return /** @type {any} */ (pull)
}

function ReactPage() {
  react.usePullEvent("tasks", "update", () => {})
  react.usePullGap(() => {})
  const people = react.usePresence(["7"])
  return element(Fragment, null, `${react.usePullStatus()} ${Object.keys(people).length}`)
}

const VuePage = {
  setup() {
    vue.usePullEvent("tasks", "update", () => {})
    vue.usePullGap(() => {})
    const people = vue.usePresence(["7"])
    const status = vue.usePullStatus()
    return () => h("p", `${status.value} ${Object.keys(people.value).length}`)
  },
}

test("React renders on a server without a connection and without a window", async (t) => {
  assert.equal("window" in globalThis, false)
  for (const value of [untouchable(t), null]) {
    assert.equal(renderToString(element(react.PullProvider, { value }, element(ReactPage))), "connect 0")
  }
  await Promise.resolve()
})

test("Vue renders on a server without a connection and without a window", async (t) => {
  for (const value of [untouchable(t), null]) {
    assert.equal(await renderVue(createSSRApp(VuePage).provide(vue.pullKey, value)), "<p>connect 0</p>")
  }
})

test("a component without a client above it throws an error that says so", async (t) => {
  t.mock.method(console, "warn", () => {})
  assert.throws(() => renderToString(element(ReactPage)), { message: "pull: no PullProvider" })
  await assert.rejects(renderVue(createSSRApp(VuePage)), { message: "pull: no pullKey" })
})

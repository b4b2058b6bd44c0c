import assert from "node:assert/strict"
import { test } from "node:test"
import { createRenderer, h, nextTick, shallowRef } from "vue"
import { pullKey, usePullEvent, usePullGap } from "../src/vue.js"
import { client, event, hello } from "./fakes.js"

/** Renders nodes that are nowhere. */
const { createApp } = createRenderer(
  /** @type {any} */ ({
    createElement: () => ({}),
    createText: () => ({}),
    createComment: () => ({}),
    insert() {},
    remove() {},
    parentNode: () => ({}),
    nextSibling: () => null,
  }),
)

test("what two components have as their callback is called until the last one goes", async (t) => {
  const { pull, server } = client(t)
  let calls = 0
  const callback = () => void calls++
  const Component = {
    setup() {
      usePullEvent("tasks", "update", callback)
      usePullEvent("tasks", callback)
      usePullGap(callback)
      return () => null
    },
  }
  const components = shallowRef(2)
  const app = createApp({ render: () => Array.from({ length: components.value }, (_, key) => h(Component, { key })) })
  app.provide(pullKey, /** @type {any} */ (pull)).mount(/** @type {any} */ ({}))
  server.last.say(hello())
  for (const [offset, count] of [[200, 2], [300, 1], [400, 0]]) {
    components.value = count
    await nextTick()
    calls = 0
    server.last.say(event(offset - 1), hello({ offset })) // a gap
    assert.equal(calls, 3 * count)
  }
})

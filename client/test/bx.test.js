import assert from "node:assert/strict"
import { test } from "node:test"
import { delegate, proxy, ready } from "../src/bx.js"
import { customEvents } from "../src/customevents.js"
import { consoleErrors, FakePage } from "./fakes.js"

const window = {}

test("names are the same in upper and lower case, with and without window as target", () => {
  const BX = /** @type {any} */ (customEvents(window))
  /** @type {unknown[]} */
  const calls = []
  BX.addCustomEvent("onPullEvent-Tasks", (/** @type {any[]} */ ...args) => calls.push(["plain", ...args]))
  BX.addCustomEvent(window, "ONPULLEVENT-tasks", (/** @type {any[]} */ ...args) => calls.push(["window", ...args]))
  BX.onCustomEvent("onPullEvent-tasks", [1, 2])
  BX.onCustomEvent(window, "onpullevent-TASKS", [3])
  BX.onCustomEvent("onPullEvent-tasks")
  assert.deepEqual(calls, [["plain", 1, 2], ["window", 1, 2], ["plain", 3], ["window", 3], ["plain"], ["window"]])
})

test("handlers of a target and of window run in order of registration, bound to the target", () => {
  const BX = /** @type {any} */ (customEvents(window))
  const target = {}
  /** @type {unknown[]} */
  const order = []
  BX.addCustomEvent(target, "x", /** @this {unknown} */ function () {
    order.push(1, this === target)
  })
  BX.addCustomEvent("x", () => order.push(2))
  BX.addCustomEvent(target, "x", () => order.push(3))
  BX.addCustomEvent({}, "x", () => order.push("another target"))
  BX.onCustomEvent(target, "x", [])
  assert.deepEqual(order, [1, true, 2, 3])
  BX.onCustomEvent("x", [])
  assert.deepEqual(order, [1, true, 2, 3, 2])
})

test("secure gives each handler its own copy, otherwise they share", () => {
  const BX = /** @type {any} */ (customEvents(window))
  /** @type {unknown[]} */
  const seen = []
  BX.addCustomEvent("x", (/** @type {any} */ data) => data.n++)
  BX.addCustomEvent("x", (/** @type {any} */ data) => seen.push(data.n))
  BX.onCustomEvent("x", [{ n: 1 }], true)
  BX.onCustomEvent("x", [{ n: 1 }])
  assert.deepEqual(seen, [1, 2])
})

test("what cannot be cloned is shared", () => {
  const BX = /** @type {any} */ (customEvents(window))
  /** @type {unknown[]} */
  const seen = []
  BX.addCustomEvent("x", (/** @type {any[]} */ ...args) => seen.push(...args))
  const shared = [{ n: 1, f() {} }, () => {}]
  BX.onCustomEvent("x", shared, true)
  assert.deepEqual(seen, shared)
})

test("a handler removed during an emission is skipped, one added is not called yet", () => {
  const BX = /** @type {any} */ (customEvents(window))
  /** @type {string[]} */
  const order = []
  const second = () => order.push("second")
  BX.addCustomEvent("x", () => {
    BX.removeCustomEvent("X", second)
    BX.addCustomEvent("x", () => order.push("third"))
  })
  BX.addCustomEvent("x", second)
  BX.onCustomEvent("x", [])
  assert.deepEqual(order, [])
})

test("one handler that throws stops no other", (t) => {
  const errors = consoleErrors(t)
  const BX = /** @type {any} */ (customEvents(window))
  let calls = 0
  BX.addCustomEvent("x", () => {
    throw new Error("mine")
  })
  BX.addCustomEvent("x", () => calls++)
  BX.onCustomEvent("x", [])
  assert.deepEqual([calls, errors.callCount()], [1, 1])
})

test("the same handler twice and what is no function are ignored with an error", (t) => {
  const errors = consoleErrors(t)
  const BX = /** @type {any} */ (customEvents(window))
  let calls = 0
  const handler = () => calls++
  BX.addCustomEvent("x", handler)
  BX.addCustomEvent(window, "X", handler)
  BX.addCustomEvent("x", /** @type {any} */ (undefined))
  BX.addCustomEvent("y", handler)
  BX.onCustomEvent("x", [])
  assert.deepEqual([calls, errors.callCount()], [1, 2])
})

test("remove needs the same target, name and function", () => {
  const BX = /** @type {any} */ (customEvents(window))
  const target = {}
  let calls = 0
  const handler = () => calls++
  BX.addCustomEvent(target, "x", handler)
  BX.removeCustomEvent("x", handler)
  BX.onCustomEvent(target, "x", [])
  BX.removeCustomEvent(target, "x", handler)
  BX.onCustomEvent(target, "x", [])
  assert.equal(calls, 1)
})

test("delegate binds, and gives back what cannot be bound", () => {
  const self = { n: 2 }
  const add = /** @this {{ n: number }} */ function (/** @type {number} */ a) {
    return this.n + a
  }
  assert.equal(delegate(add, self)(3), 5)
  assert.equal(delegate(add, undefined), add)
  assert.equal(delegate(/** @type {any} */ (null), self), null)
  assert.notEqual(delegate(add, self), delegate(add, self))
})

test("proxy gives the same wrapper for the same pair", () => {
  const [a, b] = [{}, {}]
  const run = /** @this {unknown} */ function () {
    return this
  }
  assert.equal(proxy(run, a), proxy(run, a))
  assert.notEqual(proxy(run, a), proxy(run, b))
  assert.equal(proxy(run, b)?.(), b)
  assert.equal(proxy(run, undefined), run)
})

test("ready runs at once if the document is ready, otherwise when it is", () => {
  const page = new FakePage()
  let calls = 0
  const run = (/** @type {unknown[]} */ ...args) => void (calls += 1 + args.length)
  ready(/** @type {any} */ (page), run)
  assert.equal(calls, 1)
  page.document.readyState = "loading"
  ready(/** @type {any} */ (page), run)
  assert.equal(calls, 1)
  page.fire("DOMContentLoaded")
  assert.equal(calls, 2)
})

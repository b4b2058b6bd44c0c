import assert from "node:assert/strict"
import { test } from "node:test"
import { Timer } from "../src/timer.js"
import { fakeTime } from "./fakes.js"

for (const ms of [2 ** 31, 1e300, Infinity]) {
  test(`a timer of ${ms} ms asks for no more than browsers can wait`, (t) => {
    const set = t.mock.method(globalThis, "setTimeout", () => 1).mock
    new Timer().set(ms, () => {})
    assert.equal(set.calls[0].arguments[1], 2 ** 31 - 1)
  })
}

test("a timer that has fired is believed, whatever clocks say", (t) => {
  const time = fakeTime(t)
  const timer = new Timer()
  let fired = 0
  timer.set(1000, () => fired++)
  time.freeze(-7_200_000)
  time.pass(1000)
  assert.deepEqual([fired, timer.isSet], [1, false])
})

test("a timer whose time passed while the device slept fires when the page wakes, once", (t) => {
  const time = fakeTime(t)
  const timer = new Timer()
  let fired = 0
  timer.set(1000, () => fired++)
  timer.wake()
  assert.equal(fired, 0)
  time.freeze(1000)
  timer.wake()
  timer.wake()
  time.pass(1000)
  assert.equal(fired, 1)
})

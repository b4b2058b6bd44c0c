import assert from "node:assert/strict"
import { test } from "node:test"
import { delay, verdict } from "../src/delay.js"

const least = () => 0
const most = () => 1

test("the first attempt comes soon, later ones wait longer, none longer than 30 s", () => {
  assert.deepEqual([0, 1, 2, 3, 6, 1000].map((n) => delay(n, most)), [500, 1000, 2000, 4000, 30_000, 30_000])
})

test("the whole wait is chance, drawn anew for each attempt", () => {
  assert.equal(delay(9, least), 0)
  assert.notEqual(delay(9), delay(9))
})

for (const code of [1001, 1012]) {
  test(`${code}: everybody returns, spread over five seconds`, () => {
    assert.deepEqual([least, most].map((random) => verdict({ code }, 9, random).pause), [0, 5000])
  })
}

test("4001: a page that was too slow returns at once, with jitter", () => {
  assert.deepEqual([least, most].map((random) => verdict({ code: 4001 }, 9, random).pause), [0, 500])
})

for (const ending of [{ code: 4003 }, { status: 403 }]) {
  test(`${JSON.stringify(ending)}: stops for good`, () => {
    const { stop, refused } = verdict(ending, 0)
    assert.deepEqual({ stop, refused }, { stop: true, refused: true })
  })
}

test("401: comes back slowly, because a login elsewhere may help", () => {
  assert.deepEqual(verdict({ status: 401 }, 0, least), { stop: false, refused: true, pause: 30_000, least: 0 })
})

for (const ending of [{ code: 1006 }, { code: 1008 }, { status: 500 }, { status: 200 }, { status: 426 }, {}]) {
  test(`${JSON.stringify(ending)}: the ordinary backoff`, () => {
    assert.deepEqual(verdict(ending, 2, most), { stop: false, refused: false, pause: 2000, least: 0 })
  })
}

test("Retry-After is the least wait; a date or nonsense is none, and a day is the most", () => {
  const ask = (/** @type {string | null} */ retryAfter) => verdict({ status: 503, retryAfter }, 0, most)
  assert.deepEqual([ask("7").pause, ask("7").least], [500, 7000])
  assert.deepEqual([null, "soon", "Wed, 21 Oct 2026 07:28:00 GMT"].map((text) => ask(text).least), [0, 0, 0])
  assert.equal(ask("99999999").least, 86_400_000)
})

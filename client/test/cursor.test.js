import assert from "node:assert/strict"
import { test } from "node:test"
import { Cursor } from "../src/cursor.js"

test("without a cursor the page is where the server is, and misses nothing", () => {
  const cursor = new Cursor()
  assert.equal(String(cursor), "")
  assert.equal(cursor.hello({ epoch: "e", offset: 5, recovered: false }), false)
  assert.equal(String(cursor), "e.5")
})

test("recovered: stays, because the missed messages follow", () => {
  const cursor = new Cursor("e.3")
  assert.equal(cursor.hello({ epoch: "e", offset: 5, recovered: true }), false)
  assert.equal(String(cursor), "e.3")
})

test("not recovered: moves, and reports the gap", () => {
  const cursor = new Cursor("e.3")
  assert.equal(cursor.hello({ epoch: "e", offset: 5, recovered: false }), true)
  assert.equal(String(cursor), "e.5")
})

test("another epoch is another log, even if its offsets are smaller", () => {
  const cursor = new Cursor("e.300")
  assert.equal(cursor.hello({ epoch: "f", offset: 5, recovered: true }), true)
  assert.equal(String(cursor), "f.5")
})

test("each message is taken once, and a tick never goes back", () => {
  const cursor = new Cursor("e.3")
  assert.deepEqual([3, 4, 4, 2, 9].map((id) => cursor.advance(id)), [false, true, false, false, true])
  cursor.tick({ offset: 7 })
  assert.equal(String(cursor), "e.9")
  cursor.tick({ offset: 11 })
  assert.equal(String(cursor), "e.11")
})

test("an epoch may hold dots", () => {
  assert.equal(String(new Cursor("a.b.7")), "a.b.7")
})

test("what is no cursor throws", () => {
  for (const text of ["x", "x.", ".5", "x.y"]) assert.throws(() => new Cursor(text), /invalid cursor/, text)
})

test("a hello without a position throws", () => {
  assert.throws(() => new Cursor().hello(/** @type {any} */ ({ epoch: "e" })), /invalid hello/)
})

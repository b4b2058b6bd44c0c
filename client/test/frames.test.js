import assert from "node:assert/strict"
import { test } from "node:test"
import { fits, frames } from "../src/frames.js"

test("at most 100 values go into a frame, in order", () => {
  const tags = Array.from({ length: 250 }, (_, i) => `T${i}`)
  const split = frames("extend", tags)
  assert.deepEqual(split.map(({ extend }) => extend.length), [100, 100, 50])
  assert.deepEqual(split.flatMap(({ extend }) => extend), tags)
})

test("no frame is larger than 16 KiB, even where JSON makes values longer", () => {
  for (const letter of ["x", '"', "\u0001", "ж"]) {
    const tags = Array.from({ length: 100 }, () => letter.repeat(letter === "ж" ? 127 : 255))
    const split = frames("extend", tags)
    for (const frame of split) assert.ok(Buffer.byteLength(JSON.stringify(frame)) <= 16 * 1024)
    assert.equal(split.flatMap(({ extend }) => extend).length, 100)
  }
})

test("bytes count, not letters", () => {
  assert.deepEqual(["x".repeat(255), "x".repeat(256), "ж".repeat(127), "ж".repeat(128)].map(fits), [true, false, true, false])
})

test("what does not fit is left out, and nothing makes no frame", () => {
  assert.deepEqual(frames("seen", ["7", "x".repeat(256)]), [{ seen: ["7"] }])
  assert.deepEqual(frames("seen", []), [])
})

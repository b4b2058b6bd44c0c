import assert from "node:assert/strict"
import { readFile } from "node:fs/promises"
import { test } from "node:test"
import { runInNewContext } from "node:vm"
import { gzipSync } from "node:zlib"
import { FakePage } from "./fakes.js"

const script = await readFile(new URL("../dist/pull.js", import.meta.url), "utf8")

test("pull.js with the BX names is at most 6 kB gzipped", () => {
  const { length } = gzipSync(script, { level: 9 })
  assert.ok(length <= 6000, `got ${length} bytes, want at most 6000`)
})

test("neither bundle needs what a strict Content Security Policy forbids", async () => {
  const module = await readFile(new URL("../dist/pull.mjs", import.meta.url), "utf8")
  for (const text of [script, module]) assert.doesNotMatch(text, /\beval\b|\bFunction\(|innerHTML|createElement/)
})

test("pull.js reads its own tag and leaves only its names behind", () => {
  const page = Object.assign(new FakePage(), { URL, AbortController })
  const { document } = page
  Object.assign(document, { readyState: "loading", currentScript: { dataset: { url: "/pull", cursor: "k3f9.7" } } })
  const before = Object.keys(page)
  runInNewContext(script, Object.assign(page, { window: page, crypto }))
  assert.equal(page.BX.PULL.cursor, "k3f9.7")
  assert.equal(page.BX.PULL.getDebugInfo().url, "https://example.com/pull")
  assert.deepEqual(Object.keys(page).filter((name) => !before.includes(name)), ["window", "crypto"])
})

test("pull.mjs exports Pull, defines no global and starts nothing", async () => {
  const before = Object.getOwnPropertyNames(globalThis)
  const module = await import(new URL("../dist/pull.mjs", import.meta.url).href)
  assert.deepEqual(Object.keys(module), ["Pull"])
  assert.deepEqual(Object.getOwnPropertyNames(globalThis), before)
})

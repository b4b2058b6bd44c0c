import assert from "node:assert/strict"
import { readFile } from "node:fs/promises"
import { test } from "node:test"
import { runInNewContext } from "node:vm"
import { gzipSync } from "node:zlib"
import { FakePage } from "./fakes.js"

const script = await readFile(new URL("../dist/pull.js", import.meta.url), "utf8")

const module = await readFile(new URL("../dist/pull.mjs", import.meta.url), "utf8")

/** @param {string} text
 *  @param {number} most */
function fits(text, most) {
  const { length } = gzipSync(text, { level: 9 })
  assert.ok(length <= most, `got ${length} bytes, want at most ${most}`)
}

test("pull.mjs is at most 6 KiB gzipped", () => fits(module, 6 * 1024))
test("pull.js with the BX names is at most 7 KiB gzipped", () => fits(script, 7 * 1024))

test("neither bundle needs what a strict Content Security Policy forbids", () => {
  for (const text of [script, module]) assert.doesNotMatch(text, /\beval\b|\bFunction\(|innerHTML|createElement/)
})

test("no name that the bundles shorten is one of an object of the platform that the client touches", async () => {
  const build = await readFile(new URL("../build.js", import.meta.url), "utf8")
  const internal = (/internal = `([^`]*)`/.exec(build)?.[1] ?? "").trim().split(/\s+/)
  const touched = [AbortController, AbortSignal, Array, EventTarget, Function, Headers, Map, Object, Promise, ReadableStream, ReadableStreamDefaultReader, Request, Response, Set, String, URL, URLSearchParams, WeakMap]
  const platform = touched.flatMap((one) => [one, one.prototype].flatMap(Object.getOwnPropertyNames))
  const iteratorsAndDOM = ["next", "take", "drop", "remove", "connect", "close", "send", "hidden", "dataset", "src"]
  assert.ok(internal.length > 20)
  assert.deepEqual(internal.filter((name) => platform.includes(name) || iteratorsAndDOM.includes(name)), [])
})

class Script {
  src = "https://example.com/pull/pull.js"
  /** @param {object} dataset */
  constructor(dataset) {
    this.dataset = dataset
  }
}

/** Evaluates pull.js in a page whose document names an element as its script.
 *  @param {unknown} currentScript */
function evaluated(currentScript) {
  const page = Object.assign(new FakePage(), { URL, AbortController, performance, HTMLScriptElement: Script })
  Object.assign(page.document, { readyState: "loading", currentScript })
  const before = Object.keys(page)
  runInNewContext(script, Object.assign(page, { window: page, crypto }))
  return { page, names: Object.keys(page).filter((name) => !before.includes(name)) }
}

test("pull.js reads its own tag and leaves only its names behind", () => {
  const { page, names } = evaluated(new Script({ url: "/pull", cursor: "k3f9.7" }))
  assert.equal(page.BX.PULL.cursor, "k3f9.7")
  assert.equal(page.BX.PULL.getDebugInfo().url, "https://example.com/pull")
  assert.deepEqual(names, ["window", "crypto"])
})

test("an element of the page that is named currentScript connects the page to nobody", () => {
  const { page } = evaluated({ tagName: "IMG", src: "x", dataset: { url: "https://evil.test/pull" } })
  assert.equal(page.BX.PULL.getDebugInfo().url, null)
})

test("pull.mjs exports Pull, defines no global and starts nothing", async () => {
  const before = Object.getOwnPropertyNames(globalThis)
  const module = await import(new URL("../dist/pull.mjs", import.meta.url).href)
  assert.deepEqual(Object.keys(module), ["Pull"])
  assert.deepEqual(Object.getOwnPropertyNames(globalThis), before)
})

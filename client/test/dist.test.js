import assert from "node:assert/strict"
import { readFile } from "node:fs/promises"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { runInNewContext } from "node:vm"
import { gzipSync } from "node:zlib"
import { build } from "esbuild"
import { FakePage, fakeSockets, hello, settle } from "./fakes.js"

const script = await readFile(new URL("../dist/pull.js", import.meta.url), "utf8")

const module = await readFile(new URL("../dist/pull.mjs", import.meta.url), "utf8")
const html = await readFile(new URL("../dist/pull-html.mjs", import.meta.url), "utf8")
const push = await readFile(new URL("../dist/pull-push.mjs", import.meta.url), "utf8")
const typing = await readFile(new URL("../dist/pull-typing.mjs", import.meta.url), "utf8")
const shared = await readFile(new URL("../dist/pull-shared.js", import.meta.url), "utf8")
const worker = await readFile(new URL("../dist/pull-worker.js", import.meta.url), "utf8")

/** @param {string} text
 *  @param {number} most */
function fits(text, most) {
  const { length } = gzipSync(text, { level: 9 })
  assert.ok(length <= most, `got ${length} bytes, want at most ${most}`)
}

test("pull.mjs is at most 7.25 KiB gzipped", () => fits(module, 7.25 * 1024))
test("pull.js with the BX names is at most 9.25 KiB gzipped", () => fits(script, 9.25 * 1024))
test("pull-html.mjs is at most 4 KiB gzipped", () => fits(html, 4 * 1024))
test("pull-push.mjs is at most 3.5 KiB gzipped", () => fits(push, 3.5 * 1024))
test("pull-typing.mjs is at most 1,000 bytes gzipped", () => fits(typing, 1000))
test("pull-worker.js is at most 2 KiB gzipped", () => fits(worker, 2 * 1024))
test("pull-shared.js is at most 7.5 KiB gzipped", () => fits(shared, 7.5 * 1024))
test("echo-pull/react adds at most 1,000 bytes gzipped to an application", () => adds("react", 1000))
test("echo-pull/vue adds at most 1,000 bytes gzipped to an application", () => adds("vue", 1000))

/** @param {string} name
 *  @param {number} most */
async function adds(name, most) {
  const source = fileURLToPath(new URL(`../src/${name}.js`, import.meta.url))
  const { outputFiles } = await build({ entryPoints: [source], bundle: true, minify: true, format: "esm", packages: "external", write: false })
  fits(outputFiles[0].text, most)
}

test("no bundle needs what a strict Content Security Policy forbids", () => {
  for (const text of [script, module, push, shared, typing, worker]) assert.doesNotMatch(text, /\beval\b|\bFunction\(|innerHTML|createElement/)
  assert.doesNotMatch(html, /\beval\b|\bFunction\(|createElement\((?!"template")/)
})

test("no name that the bundles shorten is one of an object of the platform that the client touches", async () => {
  const build = await readFile(new URL("../build.js", import.meta.url), "utf8")
  const internal = (/internal = `([^`]*)`/.exec(build)?.[1] ?? "").trim().split(/\s+/)
  const touched = [AbortController, AbortSignal, Array, EventTarget, Function, Headers, Map, Object, Promise, ReadableStream, ReadableStreamDefaultReader, Request, Response, Set, String, URL, URLSearchParams, WeakMap]
  const platform = touched.flatMap((one) => [one, one.prototype].flatMap(Object.getOwnPropertyNames))
  const iteratorsAndDOM = ["next", "take", "drop", "remove", "connect", "close", "send", "hidden", "dataset", "src", "active", "waiting", "scope", "register", "subscribe", "options", "focus", "ports", "data", "tag"]
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

test("pull.js finds the file for notifications beside itself on a page that does not connect", async () => {
  const { page } = evaluated(new Script({ off: "guest" }))
  page.location.origin = "https://example.com"
  assert.match(script, /[^.\w]import\([^"'`]/)
  await assert.rejects(page.BX.PULL.push.enable(), { code: "failed" }) // it was tried
  const elsewhere = evaluated(/** @type {any} */ (null)).page
  assert.equal(await elsewhere.BX.PULL.push.state(), "unsupported")
})

test("pull.mjs loads the file for notifications from its mount when it is used first", async () => {
  const { Pull } = await import(new URL("../dist/pull.mjs", import.meta.url).href)
  const page = Object.assign(new FakePage(), { location: { origin: "null", href: "file:///app/" } })
  const client = (/** @type {string} */ url) => new Pull({ url, page })
  const { push: api } = client(new URL("../dist/", import.meta.url).href)
  assert.equal(await api.state(), "unsupported") // the page is no browser's
  await assert.rejects(api.enable(), { code: "unsupported", message: "pull: the browser has no push messages here" })
  await api.disable()
})

test("a file for notifications that is blocked means no notifications, and enable says so with a code", async () => {
  const { Pull } = await import(new URL("../dist/pull.mjs", import.meta.url).href)
  const { push: api } = new Pull({ url: new URL("../none", import.meta.url).href, page: new FakePage() })
  assert.equal(await api.state(), "unsupported")
  await assert.rejects(api.enable(), { code: "failed", message: "pull: cannot load /pull-push.mjs" })
  assert.equal(await api.disable(), undefined)
})

test("a page without a mount has no notifications, and says so with a code", async () => {
  const { Pull } = await import(new URL("../dist/pull.mjs", import.meta.url).href)
  const { push: api } = new Pull({ url: null, page: new FakePage() })
  assert.equal(await api.state(), "unsupported")
  await assert.rejects(api.enable(), { code: "unsupported" })
  assert.equal(await api.disable(), undefined)
})

test("a server's command and what is read reach the file through the bundle", async (t) => {
  const { Pull } = await import(new URL("../dist/pull.mjs", import.meta.url).href)
  const page = Object.assign(new FakePage(), { location: { origin: "null", href: "file:///app/" } })
  let closed = () => {}
  const closing = new Promise((resolve) => (closed = () => resolve(true)))
  const getNotifications = async (/** @type {any} */ { tag }) => (tag === "im-7" ? [{ close: closed }] : [])
  Object.assign(page, { navigator: { serviceWorker: { getRegistrations: async () => [{ getNotifications }] } } })
  const server = fakeSockets()
  const pull = new Pull({ url: new URL("../dist/", import.meta.url).href, page, WebSocket: server.WebSocket })
  t.after(() => pull.stop())
  pull.start()
  while (!server.sockets.length) await settle()
  server.last.say(hello({ push: true }), { module_id: "pull", command: "withdraw", params: { tag: "im-7" }, id: 101 })
  pull.read("im-8")
  assert.equal(await closing, true)
  assert.deepEqual(server.last.sent, ['{"looking":true}', '{"read":"im-8"}'])
})

test("pull-worker.js is a classic script that leaves no name behind", () => {
  const scope = Object.assign(new EventTarget(), { location: new URL("https://example.com/pull/pull-worker.js") })
  const before = Object.keys(scope)
  /** @type {string[]} */
  const names = []
  Object.assign(scope, { addEventListener: (/** @type {string} */ name) => names.push(name) })
  runInNewContext(worker, scope)
  assert.deepEqual(names, ["push", "notificationclick", "pushsubscriptionchange", "install", "activate"])
  assert.deepEqual(Object.keys(scope).filter((name) => !before.includes(name)), ["addEventListener"])
})

test("pull-shared.js names its version by its content, and pages and workers of other versions never meet", async () => {
  const [, version = ""] = /"([0-9a-f]{16})"/.exec(shared) ?? []
  const { createHash } = await import("node:crypto")
  assert.equal(createHash("sha256").update(shared.replace(version, "@version")).digest("hex").slice(0, 16), version)
  const before = Object.getOwnPropertyNames(globalThis)
  assert.deepEqual(Object.keys(await import(new URL("../dist/pull-shared.js", import.meta.url).href)), ["join"])
  assert.deepEqual(Object.getOwnPropertyNames(globalThis), before)
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

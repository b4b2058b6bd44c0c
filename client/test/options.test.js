import assert from "node:assert/strict"
import { test } from "node:test"
import { complete } from "../src/options.js"
import { FakePage } from "./fakes.js"

const page = /** @type {any} */ (new FakePage())

test("a relative url is resolved against the page", () => {
  assert.equal(complete({ page, url: "pull" }).url.href, "https://example.com/app/pull")
  assert.equal(complete({ page, url: "wss://other.com/pull" }).url.href, "https://other.com/pull")
})

test("each client has its own random id that the server accepts", () => {
  const [a, b] = [1, 2].map(() => complete({ page, url: "/pull" }).client)
  assert.match(a, /^[\w-]{16,}$/)
  assert.notEqual(a, b)
})

test("empty and undefined options count as left out", () => {
  const { platform, extendEvery } = complete({ page, url: "/pull", platform: /** @type {any} */ (""), extendEvery: undefined })
  assert.deepEqual({ platform, extendEvery }, { platform: "desktop", extendEvery: 1740 })
})

/** @type {[string, any][]} */
const wrong = [
  ["url", undefined],
  ["url", {}],
  ["url", { url: "" }],
  ["platform", { url: "/pull", platform: "tv" }],
  ["client", { url: "/pull", client: "short" }],
  ["client", { url: "/pull", client: "with spaces 0123456789" }],
  ["extendEvery", { url: "/pull", extendEvery: NaN }],
  ["extendEvery", { url: "/pull", extendEvery: 1e7 }],
]
for (const [name, options] of wrong) {
  test(`a wrong ${name} throws: ${JSON.stringify(options)}`, () => {
    assert.throws(() => complete(options && { page, ...options }), new RegExp(`invalid ${name}`))
  })
}

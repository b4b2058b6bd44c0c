import assert from "node:assert/strict"
import { test } from "node:test"
import { complete } from "../src/options.js"
import { FakePage } from "./fakes.js"

const page = /** @type {any} */ (new FakePage())

test("a relative url is resolved against the page", () => {
  assert.equal(complete({ page, url: "pull" }).url?.href, "https://example.com/app/pull")
  assert.equal(complete({ page, url: "wss://other.com/pull" }).url?.href, "https://other.com/pull")
})

test("whatever a base element says, what is relative is on the page's own site", () => {
  const based = /** @type {any} */ (Object.assign(new FakePage(), { document: { baseURI: "https://evil.test/" } }))
  assert.equal(complete({ page: based, url: "/pull" }).url?.href, "https://example.com/pull")
  assert.equal(complete({ page: based, url: "pull" }).url?.href, "https://example.com/app/pull")
})

test("an empty user is a guest, and none is nobody", () => {
  assert.equal(complete({ page, url: "/pull", user: "" }).user, "")
  assert.equal(complete({ page, url: "/pull" }).user, undefined)
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
  ["client", { url: "/pull", client: "short" }],
  ["client", { url: "/pull", client: "with spaces 0123456789" }],
]
for (const [name, options] of wrong) {
  test(`a wrong ${name} throws: ${JSON.stringify(options)}`, () => {
    assert.throws(() => complete(options && { page, ...options }), new RegExp(`invalid ${name}`))
  })
}

/** @type {[unknown, number][]} */
const numbers = [[2.349e6, 2.349e6], ["2.349e+06", 2.349e6], ["1e400", Infinity], [0, 1], [-5, 1], [NaN, 1740], ["often", 1740], [null, 1], [{}, 1740]]
for (const [given, want] of numbers) {
  test(`a page never dies of a number: extendEvery ${given}`, () => {
    assert.equal(complete({ page, url: "/pull", extendEvery: /** @type {any} */ (given) }).extendEvery, want)
  })
}

test("a page without fetch and WebSocket has a client", () => {
  const bare = /** @type {any} */ ({ location: { href: "https://example.com/" } })
  assert.equal(complete({ page: bare, url: "/pull" }).fetch, undefined)
})

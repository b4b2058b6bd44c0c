import assert from "node:assert/strict"
import { test } from "node:test"
import { below, scheme, withQuery } from "../src/address.js"

test("http becomes ws and https wss, and back", () => {
  assert.equal(scheme(new URL("http://a/pull"), "ws").href, "ws://a/pull")
  assert.equal(scheme(new URL("https://a/pull"), "ws").href, "wss://a/pull")
  assert.equal(scheme(new URL("wss://a/pull"), "http").href, "https://a/pull")
})

test("the query keeps what the page gave, and has no cursor where there is none", () => {
  const url = new URL("https://a/pull?tenant=9")
  assert.equal(withQuery(url, { client: "me", cursor: "" }).href, "https://a/pull?tenant=9&client=me")
  assert.equal(withQuery(url, { client: "me", cursor: "e.7" }).search, "?tenant=9&client=me&cursor=e.7")
  assert.equal(url.search, "?tenant=9")
})

test("addresses below the mount keep its query", () => {
  assert.equal(below(new URL("https://a/pull?tenant=9"), "/watch").href, "https://a/pull/watch?tenant=9")
  assert.equal(below("https://a/pull/", "/watch").href, "https://a/pull/watch")
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { answer, client, hello, settle } from "./fakes.js"

test("a url that is a function is asked for each connection and each request", async (t) => {
  let turn = 0
  const { server, time, pull } = client(t, { url: () => `wss://api${++turn}.example.com/pull` }, () => answer(200))
  const first = server.last.url.host
  server.last.say(hello())
  server.last.drop(1012)
  time.pass(5_000)
  assert.notEqual(server.last.url.host, first)
  assert.match(`${pull.getDebugInfo().url}`, /^https:\/\/api\d\.example\.com\/pull$/)
})

test("a url that is a function is relative to the page, and may be a URL", (t) => {
  const { server } = client(t, { url: () => new URL("https://api.example.com/pull?region=eu") })
  assert.equal(server.last.url.href, "wss://api.example.com/pull?region=eu&client=page-0123456789abcdef&protocol=2")
})

test("a url that throws is asked again later", async (t) => {
  let fails = false
  const { server, time, pull } = client(t, { url: () => { if (fails) throw new Error("no configuration"); return "/pull" } })
  server.last.say(hello())
  server.last.drop(1012)
  fails = true
  assert.throws(() => time.pass(5_000), { message: "no configuration" })
  assert.equal(server.sockets.length, 1)
  fails = false
  time.pass(15_000)
  time.pass(30_000)
  await settle()
  assert.equal(server.sockets.length, 2)
  pull.stop()
  fails = true
  await assert.rejects(pull.start(), { message: "no configuration" })
})

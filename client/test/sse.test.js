import assert from "node:assert/strict"
import { test } from "node:test"
import { Stream } from "../src/sse.js"
import { answer, fakeStream, settle } from "./fakes.js"

/** @param {(url: URL, init: any) => Response | Promise<Response>} respond */
function open(respond) {
  /** @type {unknown[]} */
  const told = []
  /** @type {{ url: URL, init: any }[]} */
  const requests = []
  const url = new URL("https://a/pull")
  const endpoint = {
    url,
    client: "me",
    credentials: /** @type {const} */ ("include"),
    fetch: async (/** @type {any} */ url, /** @type {any} */ init) => {
      requests.push({ url, init })
      return respond(url, init)
    },
  }
  const listener = {
    heard: () => void told.push("heard"),
    frame: (/** @type {string} */ text) => void told.push(text),
    ended: (/** @type {any} */ ending) => void told.push(ending),
  }
  return { transport: new Stream("sse", new URL("https://a/pull?client=me"), listener, endpoint, (body, reason) => void told.push({ ...body, failed: reason })), told, requests }
}

test("tells frames, heartbeats, and the close code that streams lack", async () => {
  const stream = fakeStream()
  const { told, requests } = open(() => stream.response)
  await settle()
  stream.write(": tick\n\n")
  await settle()
  stream.write("id: e.1\ndata: [1]\n\nevent: close\n")
  await settle()
  stream.write('data: {"code":1012,"reason":"restart"}\n\ndata: [2]\n\n')
  await settle()
  assert.deepEqual(told, ["heard", "heard", "[1]", "heard", { code: 1012 }])
  const { headers, credentials, cache } = requests[0].init
  assert.deepEqual({ headers, credentials, cache }, { headers: { Accept: "text/event-stream" }, credentials: "include", cache: "no-store" })
})

test("letters of several bytes survive the border of two chunks", async () => {
  const bytes = new TextEncoder().encode('data: ["ж"]\n\n')
  const body = new ReadableStream({
    start(controller) {
      for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
    },
  })
  const { told } = open(() => new Response(body, { headers: { "Content-Type": "text/event-stream" } }))
  await settle()
  assert.deepEqual(told.filter((one) => one !== "heard"), ['["ж"]', ])
})

/** @type {[string, () => Response | Promise<Response>, object][]} */
const endings = [
  ["a refusal, with its status", () => answer(503, { "Retry-After": "9" }), { status: 503, retryAfter: "9", reason: "status 503" }],
  ["a login page, as if it were a 401", () => new Response("<html>", { headers: { "Content-Type": "text/html" } }), { status: 401, reason: "login page" }],
  ["a way to a login page, as if it were a 401", () => /** @type {any} */ ({ type: "opaqueredirect", status: 0, headers: new Headers() }), { status: 401, reason: "login page" }],
  ["a dead network", () => Promise.reject(new TypeError("failed")), { reason: "TypeError: failed" }],
  ["a stream that has no readable body", () => /** @type {any} */ ({ ok: true, status: 200, headers: new Headers({ "Content-Type": "text/event-stream" }), body: null }), { reason: "TypeError: Cannot read properties of null (reading 'getReader')" }],
]
for (const [name, respond, want] of endings) {
  test(`ends with ${name}`, async () => {
    const { told } = open(respond)
    await settle()
    assert.deepEqual(told, [want])
  })
}

test("ends when the server ends the stream, and when its close is unreadable", async () => {
  const unreadable = { reason: "TypeError: Cannot read properties of null (reading 'code')" }
  for (const [write, ending] of /** @type {[string, object][]} */ ([["", { status: 200, reason: "ended" }], ["event: close\ndata: null\n\n", unreadable]])) {
    const stream = fakeStream()
    const { told } = open(() => stream.response)
    await settle()
    stream.write(write + "\n")
    stream.end()
    await settle()
    assert.deepEqual(told, ["heard", ending])
  }
})

test("posts what a WebSocket would send, and tells the answer as a frame would bring it", async () => {
  const stream = fakeStream()
  const { transport, told, requests } = open((_, { method }) =>
    method === "POST" ? Response.json({ TASK_7: true }) : stream.response,
  )
  transport.send({ extend: ["TASK_7"] })
  await settle()
  await settle()
  const { url, init } = requests[1]
  assert.equal(url.href, "https://a/pull/watch")
  assert.deepEqual(init.headers, { "Content-Type": "application/json", "Pull-Client": "me" })
  assert.equal(init.body, '{"extend":["TASK_7"]}')
  assert.deepEqual(told, ['[{"module_id":"pull","command":"watch","params":{"TASK_7":true}}]'])
  stream.end()
})

test("watches that cannot be extended are told, whatever the answer", async () => {
  for (const [respond, reason] of /** @type {const} */ ([[() => answer(403), "status 403"], [() => Promise.reject(new TypeError("preflight")), "TypeError: preflight"]])) {
    const stream = fakeStream()
    const { transport, told } = open((_, { method }) => (method === "POST" ? respond() : stream.response))
    transport.send({ extend: ["TASK_7"] })
    await settle()
    await settle()
    assert.deepEqual(told, [{ extend: ["TASK_7"], failed: reason }])
    stream.end()
  }
})

test("a question that fails is told with what was asked", async () => {
  for (const respond of [() => answer(500), () => new Response("<html>"), () => Promise.reject(new TypeError("x"))]) {
    const stream = fakeStream()
    const { transport, told } = open((_, { method }) => (method === "POST" ? respond() : stream.response))
    transport.send({ seen: ["7"] })
    await settle()
    await settle()
    assert.deepEqual(told.map((/** @type {any} */ { failed, ...body }) => [typeof failed, body]), [["string", { seen: ["7"] }]])
    stream.end()
  }
})

test("a closed stream tells nothing more", async () => {
  const stream = fakeStream()
  const { transport, told, requests } = open(() => stream.response)
  await settle()
  transport.close()
  stream.say(1)
  stream.end()
  await settle()
  assert.deepEqual(told.filter((one) => one !== "heard"), [])
  assert.equal(requests[0].init.signal.aborted, true)
})

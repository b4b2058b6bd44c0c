import assert from "node:assert/strict"
import { test } from "node:test"
import { tagRequests } from "../src/tagrequests.js"
import { FakePage } from "./fakes.js"

/** Node's Request wants absolute urls; a page's resolves them. */
class PageRequest extends Request {
  /** @param {any} input
   *  @param {any} init */
  constructor(input, init) {
    super(input instanceof Request ? input : new URL(input, "https://example.com/app/"), init)
  }
}

function tagged() {
  /** @type {Request[]} */
  const requests = []
  class XHR {
    /** @type {Record<string, string>} */
    headers = {}
    /** @param {string} method
     *  @param {string} url */
    open(method, url) {
      this.opened = [method, url]
    }
    /** @param {string} name
     *  @param {string} value */
    setRequestHeader(name, value) {
      this.headers[name] = value
    }
  }
  const page = Object.assign(new FakePage(), {
    Request: PageRequest,
    XMLHttpRequest: XHR,
    fetch: async (/** @type {Request} */ request) => (requests.push(request), new Response()),
  })
  const undo = tagRequests(/** @type {any} */ (page), () => "me")
  return { page: /** @type {any} */ (page), requests, undo, XHR }
}

test("the page's own requests carry its id, and keep what they had", async () => {
  const { page, requests } = tagged()
  await page.fetch("tasks/7", { method: "POST", body: "x", headers: { "X-Mine": "1" } })
  await page.fetch(new URL("https://example.com/y"))
  await page.fetch(new PageRequest("/z", { headers: { "X-Mine": "2" } }))
  assert.deepEqual(requests.map(({ headers }) => headers.get("Pull-Client")), ["me", "me", "me"])
  assert.deepEqual(requests.map(({ headers }) => headers.get("X-Mine")), ["1", null, "2"])
  assert.deepEqual([requests[0].method, await requests[0].text()], ["POST", "x"])
})

test("requests to other sites do not", async () => {
  const { page, requests, XHR } = tagged()
  await page.fetch("https://other.com/")
  assert.equal(requests[0].headers.get("Pull-Client"), null)
  const xhr = new XHR()
  xhr.open("GET", "//other.com/")
  assert.deepEqual(xhr.headers, {})
})

test("XMLHttpRequest too", () => {
  const { XHR } = tagged()
  const xhr = new XHR()
  xhr.open("GET", "tasks")
  assert.deepEqual([xhr.opened, xhr.headers], [["GET", "tasks"], { "Pull-Client": "me" }])
})

test("a wrong url is a rejection, as ever", async () => {
  const { page } = tagged()
  await assert.rejects(page.fetch("https://["), TypeError)
})

test("undone, requests are as they were", async () => {
  const { page, requests, undo, XHR } = tagged()
  undo()
  await page.fetch("/x")
  const xhr = new XHR()
  xhr.open("GET", "/x")
  assert.deepEqual([requests[0].headers.get("Pull-Client"), xhr.headers], [null, {}])
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { install } from "../src/bxpull.js"
import { ofDocument } from "../src/genuine.js"
import { tagRequests } from "../src/tagrequests.js"
import { answer, FakePage, fakeSockets, fakeTime, hello } from "./fakes.js"

/** @typedef {import("node:test").TestContext} Test */

const element = { nodeType: 1, toString: () => "[object HTMLImageElement]" }

/** A document as browsers make them: its properties are the prototype's, and elements
 *  stand in front of those that they are named like.
 *  @param {string[]} names */
function documentWith(...names) {
  class Document extends EventTarget {
    get readyState() {
      return "complete"
    }
    get hidden() {
      return false
    }
    get baseURI() {
      return "https://example.com/app/"
    }
    get currentScript() {
      return null
    }
    /** @param {string} id */
    getElementById(id) {
      return `the element ${id}`
    }
  }
  const document = new Document()
  for (const name of names) Object.defineProperty(document, name, { value: element })
  return document
}

/** A page whose markup has elements of these names: as properties of the document, and
 *  as globals that neither the browser nor a script has, further up than the window's own.
 *  @param {Test} t
 *  @param {string[]} names */
function pageWith(t, ...names) {
  const time = fakeTime(t)
  const server = fakeSockets()
  const page = /** @type {any} */ (new FakePage())
  for (const name of ["BX", "BXMobileApp", "Pull"]) delete page[name]
  const prototype = Object.create(FakePage.prototype)
  for (const name of names) if (!(name in page)) prototype[name] = element
  Object.setPrototypeOf(page, prototype)
  Object.assign(page, { document: documentWith(...names), WebSocket: server.WebSocket })
  t.after(() => page.BX?.PULL?.stop?.())
  return { page, server, time }
}

const names = ["addEventListener", "baseURI", "BX", "BXMobileApp", "currentScript", "getElementById", "hidden", "Pull", "querySelector", "readyState", "scripts"]

test("no element passes for a property of the document", () => {
  const document = documentWith(...names)
  assert.equal(ofDocument(document, "currentScript"), null)
  assert.equal(ofDocument(document, "readyState"), "complete")
})

for (const name of names) {
  test(`an element that is named ${name} changes nothing for the client`, (t) => {
    const { page, server, time } = pageWith(t, name)
    install(page, { url: "/pull", platform: "mobile" })
    time.pass(0)
    /** @type {string[]} */
    const calls = []
    page.BXMobileApp.addCustomEvent("onPullStatus", (/** @type {any} */ { status }) => calls.push(status))
    server.last.say(hello())
    assert.deepEqual([server.last.url.host, calls], ["example.com", ["online"]])
    assert.equal(page.BX("x"), "the element x")
    assert.notEqual(new page.Pull().clientId, page.BX.PULL.clientId)
    server.last.drop(1012)
    page.fire("visibilitychange")
    time.pass(0)
    assert.equal(server.sockets.length, 2)
  })
}

test("an element that is named baseURI breaks no request of the page", async (t) => {
  const { page } = pageWith(t, "baseURI")
  class XMLHttpRequest {
    /** @type {string[][]} */
    headers = []
    open() {}
    setRequestHeader(/** @type {string[]} */ ...header) {
      this.headers.push(header)
    }
  }
  tagRequests(Object.assign(page, { XMLHttpRequest, Request, fetch: async () => answer(200) }), () => "me")
  const request = new page.XMLHttpRequest()
  request.open("GET", "tasks")
  assert.deepEqual(request.headers, [["Pull-Client", "me"]])
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { addHandlers } from "../src/worker/handlers.js"
import { settle } from "./fakes.js"
import { FakeRegistration, fakeCaches, key, mount } from "./pushfakes.js"

/** A worker's global scope, with the window that it may find.
 *  @param {{ script?: string, scope?: string }} [place] */
function worker({ script = `${mount}pull-worker.js`, scope = mount } = {}) {
  const registration = new FakeRegistration(scope, script)
  const caches = fakeCaches()
  /** @type {any[]} */
  const windows = []
  /** @type {any[]} */
  const calls = []
  const server = { status: 200, user: "42", post: 204, posted: /** @type {any[]} */ ([]) }
  const self = Object.assign(new EventTarget(), {
    location: new URL(script),
    registration,
    caches,
    clients: {
      matchAll: async (/** @type {any} */ how) => (calls.push(how), windows),
      openWindow: async (/** @type {string} */ url) => calls.push(`open ${url}`),
      claim: async () => calls.push("claim"),
    },
    navigator: {
      setAppBadge: async (/** @type {number} */ n) => calls.push(`badge ${n}`),
      clearAppBadge: async () => calls.push("no badge"),
    },
    skipWaiting: async () => calls.push("skip"),
    fetch: async (/** @type {URL} */ url, /** @type {any} */ init) => {
      if (url.href !== `${mount}push`) throw new Error(url.href)
      if (init.method === "GET") return Response.json({ key, user: server.user }, { status: server.status })
      server.posted.push(JSON.parse(init.body))
      return new Response(null, { status: server.post })
    },
  })
  addHandlers(/** @type {any} */ (self))
  /** @param {string} name
   *  @param {object} [rest] */
  const fire = async (name, rest) => {
    /** @type {Promise<unknown>[]} */
    const work = []
    self.dispatchEvent(Object.assign(new Event(name), { waitUntil: (/** @type {any} */ promise) => work.push(promise) }, rest))
    await Promise.all(work)
    return work.length
  }
  const push = (/** @type {any} */ message) => fire("push", { data: { json: () => JSON.parse(typeof message === "string" ? message : JSON.stringify(message)) } })
  return { self, registration, caches, windows, calls, server, fire, push }
}

const imported = { script: "https://example.com/sw.js", scope: "https://example.com/" }

/** @param {object} notification
 *  @param {object} [rest] */
const message = (notification, rest) => ({ web_push: 8030, notification: { title: "Ann", navigate: "/im/7", tag: "im-7", ...notification }, ...rest })

test("a push is shown as the server wrote it", async () => {
  const { registration, push } = worker()
  await push(message({ body: "Hello", icon: "/i.png", image: "/b.png", requireInteraction: true }))
  const [{ close, open, silent, ...shown }] = registration.shown
  assert.deepEqual(shown, {
    title: "Ann", body: "Hello", icon: "/i.png", image: "/b.png", tag: "im-7", requireInteraction: true, renotify: true,
    data: { pull: "https://example.com/im/7" },
  })
})

test("one that replaces another is heard, unless it is silent, and none without a tag replaces", async () => {
  const { registration, push } = worker()
  await push(message({ silent: true }))
  await push(message({ tag: undefined }))
  assert.deepEqual(registration.shown.map(({ renotify, silent }) => [renotify, silent]), [[false, true], [false, undefined]])
})

test("a click never leads to anything but http, and an address that makes no sense leads home", async () => {
  const { registration, push } = worker()
  for (const navigate of ["javascript:alert(1)", "https://[", undefined, "https://other.example/x"]) await push(message({ navigate }))
  assert.deepEqual(registration.shown.map(({ data }) => data.pull), [...Array(3).fill("https://example.com/"), "https://other.example/x"])
})

test("the badge is set and removed where there is one, and left alone otherwise", async () => {
  const { calls, self, push } = worker()
  await push(message({}, { app_badge: 3 }))
  await push(message({}, { app_badge: 0 }))
  await push(message({}))
  assert.deepEqual(calls, ["badge 3", "no badge"])
  Object.assign(self, { navigator: {} })
  await push(message({}, { app_badge: 3 }))
  Object.assign(self, { navigator: { setAppBadge: () => Promise.reject(new Error("not installed")) } })
  await push(message({}, { app_badge: 3 }))
})

const foreign = ["", "{", "null", "7", "{}", '{"web_push":8030}', '{"web_push":8030,"notification":{}}', '{"title":"mine"}']

test("a push that nobody can read still shows something", async () => {
  const { registration, push, fire } = worker()
  for (const text of foreign) await push(text)
  await fire("push", { data: null })
  assert.deepEqual([registration.shown.length, registration.shown[0].title], [foreign.length + 1, "example.com"])
})

test("an imported worker leaves the application's pushes alone, and shows ours", async () => {
  const { registration, push } = worker(imported)
  for (const text of foreign) assert.equal(await push(text), 0)
  await push(message({}))
  assert.equal(registration.shown.length, 1)
})

test("only the plugin's own worker takes over at once", async () => {
  const own = worker()
  await own.fire("install")
  await own.fire("activate")
  assert.deepEqual(own.calls, ["skip", "claim"])
  const other = worker(imported)
  await other.fire("install")
  await other.fire("activate")
  assert.deepEqual(other.calls, [])
})

/** A window of the application.
 *  @param {string[]} log
 *  @param {string} url
 *  @param {{ answers?: boolean, frameType?: string, focus?: () => Promise<void> }} [how] */
function window(log, url, { answers = true, frameType = "top-level", focus = async () => {} } = {}) {
  return {
    url,
    frameType,
    focus: () => focus().then(() => log.push(`focus ${url}`)),
    postMessage(/** @type {any} */ { pull }, /** @type {any[]} */ [port]) {
      port.unref() // as a test process would wait for it
      if (!answers) return
      port.onmessage = (/** @type {any} */ { data }) => {
        log.push(`${data} ${url} ${pull.mount} ${pull.tag}`)
        port.close()
      }
      port.postMessage("here")
    },
  }
}

/** @param {any} url */
function clicked(url = "https://example.com/im/7") {
  const notification = { title: "Ann", tag: "im-7", data: { pull: url }, closed: false, close: () => (notification.closed = true) }
  return notification
}

/** @param {import("node:test").TestContext} t
 *  @param {(log: string[]) => any[]} make
 *  @param {string} [url] */
async function click(t, make, url) {
  /** @type {string[]} */
  const log = []
  const { windows, calls, fire } = worker()
  windows.push(...make(log))
  const notification = clicked(url)
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const done = fire("notificationclick", { notification })
  let over = false
  done.then(() => (over = true))
  for (let i = 0; i < 20 && !over; i++) await settle()
  const waited = !over
  t.mock.timers.tick(700)
  await done
  for (let i = 0; i < 5; i++) await settle() // ports
  return { log, opened: calls.filter((call) => typeof call === "string"), notification, waited }
}

test("a click closes the notification and opens a window where none is open", async (t) => {
  const { opened, notification, waited } = await click(t, () => [])
  assert.deepEqual([opened, notification.closed, waited], [["open https://example.com/im/7"], true, false])
})

test("the window that was used last is focused first and then told", async (t) => {
  const { log, opened } = await click(t, (log) => [window(log, "https://example.com/a"), window(log, "https://example.com/b")])
  assert.deepEqual([log, opened], [["focus https://example.com/a", `go https://example.com/a ${mount} im-7`], []])
})

test("a window that shows the URL is preferred", async (t) => {
  const { log } = await click(t, (log) => [window(log, "https://example.com/a"), window(log, "https://example.com/im/7")])
  assert.equal(log[0], "focus https://example.com/im/7")
})

test("where no window answers in time, one is opened, and none was focused", async (t) => {
  const { log, opened, waited } = await click(t, (log) => [window(log, "https://example.com/a", { answers: false })])
  assert.deepEqual([log, opened, waited], [[], ["open https://example.com/im/7"], true])
})

test("a window that does not answer costs time but not the others their turn", async (t) => {
  const { log, opened } = await click(t, (log) => [window(log, "https://example.com/a", { answers: false }), window(log, "https://example.com/b")])
  assert.deepEqual([log[0], opened], ["focus https://example.com/b", []])
})

test("frames are not asked, nor is anybody for a URL of another origin", async (t) => {
  const frame = await click(t, (log) => [window(log, "https://example.com/a", { frameType: "nested" })])
  assert.deepEqual([frame.log, frame.opened.length], [[], 1])
  t.mock.timers.reset()
  const other = await click(t, (log) => [window(log, "https://example.com/a")], "https://other.example/")
  assert.deepEqual([other.log, other.opened], [[], ["open https://other.example/"]])
})

test("a window that cannot be focused is not told", async (t) => {
  const focus = () => Promise.reject(new DOMException("no", "InvalidAccessError"))
  const { log, opened } = await click(t, (log) => [window(log, "https://example.com/a", { focus })])
  assert.deepEqual([log, opened], [[], ["open https://example.com/im/7"]])
})

test("a click on the application's own notification is the application's", async () => {
  const { fire } = worker(imported)
  for (const data of [undefined, null, { url: "/mine" }]) {
    const notification = { ...clicked(), data }
    assert.equal(await fire("notificationclick", { notification }), 0)
  }
})

test("a subscription that has ended is made again and posted", async () => {
  const { registration, server, caches, fire } = worker()
  await fire("pushsubscriptionchange", { newSubscription: null })
  assert.deepEqual(server.posted, [registration.subscription?.toJSON()])
  assert.deepEqual(caches.records(), [{ mount, scope: mount, user: "42", key, endpoint: registration.subscription?.endpoint }])
})

test("one that the browser has made is posted, unless the server has another key", async () => {
  for (const [had, count] of /** @type {[string, number][]} */ ([[key, 0], ["BOld", 1]])) {
    const { registration, server, fire } = worker()
    const newSubscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: had })
    await fire("pushsubscriptionchange", { newSubscription })
    assert.equal(Number(server.posted[0].endpoint !== newSubscription.endpoint), count)
    assert.equal(registration.subscription?.endpoint, server.posted[0].endpoint)
  }
})

for (const [name, change] of /** @type {[string, object][]} */ ([["401", { status: 401 }], ["403", { status: 403 }], ["a guest", { user: "" }], ["a refusal", { post: 400 }]])) {
  test(`${name}: no subscription stays`, async () => {
    const { registration, server, caches, fire } = worker()
    Object.assign(server, change)
    const newSubscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
    await fire("pushsubscriptionchange", { newSubscription })
    assert.deepEqual([registration.subscription, caches.records()], [null, []])
  })
}

test("a server that cannot be asked leaves what the browser has made", async () => {
  const { registration, server, fire } = worker()
  server.status = 503
  const newSubscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
  await assert.rejects(fire("pushsubscriptionchange", { newSubscription }))
  assert.equal(registration.subscription, newSubscription)
})

test("an imported worker knows the mount from the page, and without it leaves the subscription alone", async () => {
  const { registration, server, caches, fire } = worker(imported)
  const newSubscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: "BTheirs" })
  await fire("pushsubscriptionchange", { newSubscription })
  assert.deepEqual([server.posted, registration.subscription], [[], newSubscription])
  caches.put({ mount, scope: "https://example.com/", user: "42", key, endpoint: "x" })
  await fire("pushsubscriptionchange", { newSubscription: null })
  assert.equal(server.posted.length, 1)
})

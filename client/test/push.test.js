import assert from "node:assert/strict"
import { test } from "node:test"
import { disable, enable, hello, state } from "../src/push/module.js"
import { settle } from "./fakes.js"
import { FakeRegistration, key, mount, pushPage } from "./pushfakes.js"

/** @typedef {ReturnType<typeof pushPage>} World */

/** @param {World} world */
const subscription = ({ container }) => container.registrations[0]?.subscription

/** @param {object} [given] */
async function enabled(given) {
  const world = pushPage(given)
  await enable(world.options)
  world.requests.length = 0
  return world
}

/** @param {Promise<unknown>} promise
 *  @param {string} code
 *  @param {RegExp} [reason] */
const rejects = (promise, code, reason = /^pull: ./) =>
  assert.rejects(promise, (error) => {
    assert.ok(error instanceof Error)
    assert.deepEqual([/** @type {any} */ (error).code, reason.test(error.message)], [code, true], error.message)
    return true
  })

test("enable registers the worker below the mount, subscribes and posts", async () => {
  const world = pushPage({ credentials: "include" })
  assert.equal(await state(world.options), "off")
  assert.equal(await enable(world.options), "on")
  const [{ scope, active }] = world.container.registrations
  assert.deepEqual([scope, active.scriptURL], [mount, `${mount}pull-worker.js`])
  const [{ url, body, init }] = world.sent("POST")
  assert.deepEqual([url, body], ["https://example.com/pull/push", subscription(world)?.toJSON()])
  assert.deepEqual([init.credentials, init.cache, init.headers["Pull-Client"], init.headers["Content-Type"]], ["include", "no-store", "page-0123456789abcdef", "application/json"])
  assert.equal(await state(world.options), "on")
})

test("permission is asked for once, and only from a gesture where the browser knows", async () => {
  const world = pushPage()
  world.page.Notification.permission = "default"
  world.page.navigator.userActivation.isActive = false
  await rejects(enable(world.options), "gesture")
  assert.deepEqual([world.asked(), world.requests.length], [0, 0])
  world.page.navigator.userActivation = undefined
  await enable(world.options)
  assert.equal(world.asked(), 1)
})

for (const answer of ["denied", "default"]) {
  test(`permission ${answer}: nothing is registered or sent`, async () => {
    const world = pushPage()
    Object.assign(world.page.Notification, { permission: "default", answer })
    await rejects(enable(world.options), "denied")
    assert.deepEqual([world.container.registrations, world.requests], [[], []])
    assert.equal(await state(world.options), answer === "denied" ? "denied" : "off")
  })
}

test("two calls at once are one", async () => {
  const world = pushPage()
  assert.deepEqual(await Promise.all([enable(world.options), enable(world.options)]), ["on", "on"])
  assert.deepEqual(world.requests.map(({ method }) => method), ["GET", "POST"])
})

test("a push service that never answers is a timeout, and what it makes later is ended", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const world = pushPage()
  let answer = () => {}
  world.container.made = (registration) => (registration.service = () => new Promise((resolve) => (answer = resolve)))
  const result = rejects(enable(world.options, { timeout: 3 }), "timeout")
  await settle()
  t.mock.timers.tick(2999)
  await settle()
  t.mock.timers.tick(1)
  await result
  assert.deepEqual(world.sent("POST"), [])
  answer()
  await settle()
  assert.deepEqual([subscription(world), world.caches.records()], [null, []])
})

test("a late subscription stays if a second attempt has meanwhile saved it", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const world = pushPage()
  /** @type {(() => void)[]} */
  const answers = []
  world.container.made = (registration) => {
    const { subscribe } = registration.pushManager
    let common = /** @type {any} */ (undefined)
    registration.service = () => new Promise((resolve) => answers.push(/** @type {any} */ (resolve)))
    registration.pushManager.subscribe = (how) => (common ??= subscribe(how))
  }
  const first = rejects(enable(world.options), "timeout")
  await settle()
  t.mock.timers.tick(10_000)
  await first
  const second = enable(world.options)
  await settle()
  answers[0]()
  await second
  await settle()
  assert.equal(world.caches.records()[0].endpoint, subscription(world)?.endpoint)
})

for (const [name, get, user, code] of /** @type {[string, number, string, string][]} */ ([
  ["a server without push", 404, "42", "unsupported"],
  ["nobody logged in", 401, "", "refused"],
  ["a guest", 200, "", "refused"],
  ["another user than the page's", 200, "7", "refused"],
  ["a server that fails", 503, "42", "failed"],
])) {
  test(`enable with ${name} is ${code} and subscribes nobody`, async () => {
    const world = pushPage({ user: "42" })
    Object.assign(world.server, { get, user })
    await rejects(enable(world.options), code)
    assert.deepEqual(world.container.registrations, [])
  })
}

for (const [status, code, reason] of /** @type {[number, string, RegExp][]} */ ([[400, "refused", /no such endpoint/], [503, "failed", /endpoint/]])) {
  test(`a POST that gets ${status} is ${code} and leaves no subscription`, async () => {
    const world = pushPage()
    world.server.post = status
    await rejects(enable(world.options), code, reason)
    assert.deepEqual([subscription(world), world.caches.records()], [null, []])
  })
}

test("enable again with a server that is down for a moment keeps what worked", async () => {
  const world = await enabled()
  world.server.post = 503
  await rejects(enable(world.options), "failed")
  assert.equal(await state(world.options), "on")
})

test("a browser, origin or server without push is unsupported", async () => {
  const without = pushPage()
  delete without.page.PushManager
  const http = pushPage()
  http.page.navigator = {}
  const elsewhere = pushPage({ url: "https://other.example/pull" })
  for (const { options, requests } of [without, http, elsewhere]) {
    assert.equal(await state(options), "unsupported")
    await rejects(enable(options), "unsupported")
    await disable(options)
    assert.deepEqual(requests, [])
  }
  const server = pushPage()
  server.server.get = 404
  assert.equal(await state(server.options), "unsupported")
})

test("the subscription moves to the user who has logged in", async () => {
  const world = await enabled()
  world.server.user = "7"
  assert.equal(await state(world.options), "on")
  assert.equal(world.sent("POST").length, 1)
  assert.equal(await state(world.options), "on")
  assert.deepEqual([world.sent("POST").length, world.caches.records()[0].user], [1, "7"])
})

test("the server gets the subscription again after a day, in case that it has lost it", async (t) => {
  const world = await enabled()
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 23 * 3_600_000 })
  assert.deepEqual([await state(world.options), world.sent("POST").length], ["on", 0])

  t.mock.timers.tick(2 * 3_600_000)

  assert.deepEqual([await state(world.options), world.sent("POST").length], ["on", 1])
  assert.deepEqual([await state(world.options), world.sent("POST").length], ["on", 1])
})

test("it moves as soon as the other user is connected, though the page asks nothing", async () => {
  const world = await enabled()
  await hello(world.options, "42")
  assert.equal(world.requests.length, 0)
  world.server.user = "7"
  await hello(world.options, "7")
  assert.equal(world.sent("POST").length, 1)
})

test("a move that fails ends the subscription: it is another user's", async () => {
  const world = await enabled()
  Object.assign(world.server, { user: "7", post: 503 })
  assert.equal(await state(world.options), "off")
  assert.deepEqual([subscription(world), world.caches.records()], [null, []])
})

for (const [name, change] of /** @type {[string, object][]} */ ([["401", { get: 401 }], ["403", { get: 403 }], ["a guest", { user: "" }]])) {
  test(`after a logout (${name}) the subscription ends`, async () => {
    const world = await enabled()
    Object.assign(world.server, change)
    assert.equal(await state(world.options), "off")
    assert.deepEqual([subscription(world), world.caches.records()], [null, []])
  })
}

test("a server that cannot be asked ends nothing", async () => {
  const world = await enabled()
  world.server.online = false
  assert.equal(await state(world.options), "on")
  Object.assign(world.server, { online: true, get: 502 })
  assert.equal(await state(world.options), "on")
})

test("another key of the server is another subscription", async () => {
  const world = await enabled()
  const before = subscription(world)
  world.server.key = "BNew"
  assert.equal(await state(world.options), "on")
  assert.notEqual(subscription(world)?.endpoint, before?.endpoint)
  assert.equal(world.sent("POST")[0].body.endpoint, subscription(world)?.endpoint)
})

test("a subscription that the browser has renewed is posted", async () => {
  const world = await enabled()
  const { pushManager } = world.container.registrations[0]
  await subscription(world)?.unsubscribe()
  await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
  assert.equal(await state(world.options), "on")
  assert.equal(world.sent("POST").length, 1)
})

test("a new subscription that the server could not save is off until it has it", async () => {
  for (const change of [{ key: "BNew" }, {}]) {
    const world = await enabled()
    if (!change.key) await subscription(world)?.unsubscribe()
    Object.assign(world.server, { post: 503, ...change })
    assert.equal(await state(world.options), "off")
    world.server.post = 204
    assert.equal(await state(world.options), "on")
    assert.equal(world.sent("POST").at(-1)?.body.endpoint, subscription(world)?.endpoint)
  }
})

test("the subscription that the server has is on, though the server cannot save it again", async (t) => {
  const world = await enabled()
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 25 * 3_600_000 })
  world.server.post = 503
  assert.equal(await state(world.options), "on")
})

test("a subscription that is gone is made again for its user, and for nobody else", async () => {
  const world = await enabled()
  await subscription(world)?.unsubscribe()
  assert.equal(await state(world.options), "on")
  assert.equal(world.sent("POST")[0].body.endpoint, subscription(world)?.endpoint)
  await subscription(world)?.unsubscribe()
  world.server.user = "7"
  assert.equal(await state(world.options), "off")
  assert.equal(subscription(world), null)
})

test("disable ends the subscription here and at the server", async () => {
  const world = await enabled()
  const endpoint = subscription(world)?.endpoint
  await disable(world.options)
  assert.deepEqual(world.sent("DELETE").map(({ body }) => body), [{ endpoint }])
  assert.deepEqual([subscription(world), world.caches.records(), await state(world.options)], [null, [], "off"])
})

test("disable works offline and logged out, and fails only if nothing was ended", async () => {
  const offline = await enabled()
  offline.server.online = false
  await disable(offline.options)
  assert.equal(subscription(offline), null)

  const out = await enabled()
  out.server.delete = 401
  await disable(out.options)
  assert.equal(subscription(out), null)

  const stuck = await enabled()
  stuck.server.online = false
  Object.assign(/** @type {any} */ (subscription(stuck)), { unsubscribe: () => Promise.reject(new Error("no")) })
  await rejects(disable(stuck.options), "failed")
})

test("the application's own worker is used, and found again by later pages", async () => {
  const world = pushPage()
  const own = new FakeRegistration("https://example.com/", "https://example.com/sw.js")
  world.container.registrations.push(own)
  await enable(world.options, { registration: /** @type {any} */ (own) })
  assert.equal(world.container.registrations.length, 1)
  assert.deepEqual(world.caches.records(), [{ user: "42", key, mount, scope: "https://example.com/", endpoint: own.subscription?.endpoint }])
  assert.equal(await state(world.options), "on")
})

test("a subscription of the application's own to another server is not ended", async () => {
  const world = pushPage()
  const own = new FakeRegistration("https://example.com/", "https://example.com/sw.js")
  const theirs = await own.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: "BAnother" })
  await rejects(enable(world.options, { registration: /** @type {any} */ (own) }), "failed", /another server/)
  assert.equal(own.subscription, theirs)
})

test("another scope is the page's choice", async () => {
  const world = pushPage()
  await enable(world.options, { scope: "/" })
  assert.equal(world.container.registrations[0].scope, "https://example.com/")
  assert.equal(await state(world.options), "on")
})

test("it waits for the worker to be active, and one that cannot be installed is an error", async () => {
  for (const [outcome, expected] of [["activated", "on"], ["redundant", "failed"]]) {
    const world = pushPage()
    const worker = Object.assign(new EventTarget(), { state: "installing" })
    world.container.made = (registration) => Object.assign(registration, { active: null, installing: worker })
    const result = enable(world.options).catch(({ code }) => code)
    await settle()
    worker.state = outcome
    if (outcome === "activated") world.container.registrations[0].active = { scriptURL: `${mount}pull-worker.js` }
    worker.dispatchEvent(new Event("statechange"))
    assert.equal(await result, expected)
  }
})

test("private windows without storage can still subscribe", async () => {
  const world = pushPage()
  world.page.caches = { open: () => Promise.reject(new DOMException("no", "SecurityError")) }
  await enable(world.options)
  assert.equal(await state(world.options), "on")
})

test("a browser that refuses to list its workers is unsupported", async () => {
  const world = pushPage()
  world.container.getRegistrations = () => Promise.reject(new DOMException("no", "SecurityError"))
  assert.equal(await state(world.options), "unsupported")
  await rejects(enable(world.options), "failed")
})

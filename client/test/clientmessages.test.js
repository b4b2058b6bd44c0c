import assert from "node:assert/strict"
import { test } from "node:test"
import { domEvents } from "../src/domevents.js"
import { client, event, hello } from "./fakes.js"

/** An event of version 2 without an offset, from another client.
 *  @param {string} name
 *  @param {any} [params]
 *  @param {string} [id] */
const message = (name, params = {}, id = "7") => [0, 1_800_000_000_000, name, params, { sender: { type: 1, id } }]

/** The same of version 1.
 *  @param {string} name
 *  @param {any} [params] */
function version1(name, params = {}) {
  const [, module_id, command] = /** @type {string[]} */ (/(.*?):(.*)/.exec(name))
  return { module_id, command, params, extra: { server_time_unix: 1_800_000_000, sender: { type: 1, id: "7" } } }
}

/** A client and what its page is called with.
 *  @param {import("node:test").TestContext} t
 *  @param {object} [options] */
function listening(t, options) {
  const around = client(t, options)
  const body = new EventTarget()
  Object.assign(around.page.document, { body })
  domEvents(/** @type {any} */ (around.page), around.pull)
  around.server.last.say(hello())
  around.hooks.length = 0
  /** @type {string[]} */
  const seen = []
  const { pull } = around
  for (const name of /** @type {const} */ (["message", "client", "online", "gap", "session", "error"])) pull.on(/** @type {any} */ (name), () => seen.push(name))
  for (const name of ["control", "render"]) pull.on(/** @type {any} */ (name), () => seen.push(name))
  t.mock.method(body, "dispatchEvent", (/** @type {Event} */ { type }) => seen.push(type))
  return { ...around, body, seen }
}

for (const one of [message("im:typing", { on: true }), version1("IM:typing", { on: true })]) {
  test(`a message of another client reaches the hooks and callbacks for those, and no others: ${Array.isArray(one) ? "version 2" : "version 1"}`, (t) => {
    const { pull, server, hooks, seen } = listening(t)
    /** @type {any[]} */
    const calls = []
    pull.subscribe({ type: "client", moduleId: "IM", callback: (/** @type {any} */ data, /** @type {any} */ about) => calls.push([data.command, data.params, data.extra.sender, about]) })
    pull.subscribe({ type: "client", moduleId: "im", command: "typing", callback: (/** @type {any} */ params, /** @type {any} */ extra, /** @type {any} */ command) => calls.push([params, extra.sender.id, command]) })
    pull.subscribe({ getModuleId: () => "im", getSubscriptionType: () => "client", handleTyping: (/** @type {any} */ params) => calls.push(params) })
    pull.subscribe({ moduleId: "im", callback: () => calls.push("as the server's") })
    server.last.say(one)
    assert.deepEqual(calls, [
      ["typing", { on: true }, { type: 1, id: "7" }, { type: "client", moduleId: "im" }],
      { on: true },
      [{ on: true }, "7", "typing"],
    ])
    assert.deepEqual(hooks.map(([name, ...args]) => [name, ...args.slice(0, -1)]), [["onPullClientEvent-im", "typing", { on: true }], ["onPullClientEvent", "im", "typing", { on: true }]])
    assert.deepEqual(seen.sort(), ["client", "pull-client:im:typing"])
  })
}

test("a mobile page gets its own hook, with everything in one object", (t) => {
  const { server, hooks } = listening(t, { platform: "mobile" })
  server.last.say(message("im:Печатает…", { on: true }))
  const [[name, { module_id, command, params, extra }]] = /** @type {any} */ (hooks)
  assert.deepEqual([hooks.length, name, module_id, command, params, extra.sender], [1, "onPullClient-im", "im", "Печатает…", { on: true }, { type: 1, id: "7" }])
})

test("an offset of 0 is none: the cursor stays, and the message comes each time", (t) => {
  const { pull, server, seen } = listening(t)
  server.last.say(event(101), message("im:a"), message("im:a"), event(101), event(102))
  assert.deepEqual([pull.cursor, seen.filter((name) => name === "client" || name === "message")], ["k3f9.102", ["message", "client", "client", "message"]])
})

test("a message of the server's cannot be had before hello, nor can another client's", (t) => {
  const { pull, server } = client(t)
  let calls = 0
  pull.on("client", () => calls++)
  t.mock.method(console, "error", () => {})
  server.last.say(message("im:a"))
  assert.equal(calls, 0)
})

// Whatever another client can choose: the module, the command and the params. It is drawn
// from what the client itself reacts to.
test("no message of another client passes for anything else", (t) => {
  const { pull, server, hooks, seen, requests } = listening(t)
  let random = 1
  const draw = (/** @type {any[]} */ from) => from[(random = (random * 48_271) % 2_147_483_647) % from.length]
  const modules = ["pull", "PULL", "online", "Online", "im", "__proto__", "constructor", "client", "-", "pull-client"]
  const commands = ["hello", "tick", "watch", "seen", "sent", "grants", "withdraw", "render", "close", "session", "user_online", "online_list", "x:y", ":", "__proto__", "Печатает… (да)", "toString"]
  const params = [{}, null, 0, [], "x", { offset: 999, epoch: "k3f9" }, hello({ user: "8", offset: 5 }).params, { tag: "im-7" }, { USERS: { 8: { id: 8 } }, USER_ID: 8 }, { n: 1, state: "ok" }, JSON.parse('{"__proto__":{"x":1}}'), { selector: "body", swap: "inner", html: "x" }]
  /** @type {any[]} */
  const states = []
  pull.subscribe({ type: "server", moduleId: "pull", callback: () => states.push("server") })
  pull.subscribe({ type: "online", callback: () => states.push("online") })
  pull.subscribeUserStatusChange(8, () => states.push("status"))
  for (const module of modules.slice(2)) pull.subscribe({ moduleId: module, callback: () => states.push(module) })
  const { length } = server.last.sent

  for (let i = 0; i < 3_000; i++) {
    const name = `${draw(modules)}:${draw(commands)}`
    server.last.say(draw([message, version1])(name, draw(params)))
  }

  assert.deepEqual([seen.filter((name) => name !== "client" && !name.startsWith("pull-client:")), states], [[], []])
  assert.deepEqual([seen.filter((name) => name === "client").length, hooks.length], [3_000, 6_000])
  assert.deepEqual(hooks.filter(([name]) => !name.startsWith("onPullClientEvent")), [])
  assert.deepEqual([pull.cursor, pull.isConnected(), server.sockets.length, server.last.sent.length - length, requests.length], ["k3f9.100", true, 1, 0, 0])
  assert.equal(/** @type {any} */ ({}).x, undefined)
})

test("of messages of clients none waits and none is left out, because each may be somebody else's", (t) => {
  const { server, body } = listening(t)
  /** @type {string[]} */
  const from = []
  t.mock.method(body, "dispatchEvent", (/** @type {any} */ { type, bubbles, detail }) => from.push(`${type} ${bubbles} ${detail.extra.sender.id} ${detail.params.on}`))
  server.last.say(message("im:typing", { on: 1 }, "7"), message("im:typing", { on: 2 }, "8"), message("im:typing", { on: 3 }, "9"))
  assert.deepEqual(from, ["pull-client:im:typing true 7 1", "pull-client:im:typing true 8 2", "pull-client:im:typing true 9 3"])
})

test("in names of events, letters of a command that a name cannot have are percent-encoded", (t) => {
  const { server, seen } = listening(t)
  /** @type {[string, string][]} */
  const names = [
    ["Moved-to:Stage_2.b", "Moved-to:Stage_2.b"],
    ["a b", "a%20b"],
    ["да!", "%D0%B4%D0%B0%21"],
    ["!~*'()", "%21%7E%2A%27%28%29"],
    ["100%", "100%25"],
    ["😀[x],y/é", "%F0%9F%98%80%5Bx%5D%2Cy%2F%C3%A9"],
  ]
  for (const [i, [command, want]] of names.entries()) {
    seen.length = 0
    server.last.say([101 + i, 1_800_000_000_000, `im:${command}`, {}], message(`im:${command}`))
    assert.deepEqual(seen.filter((name) => name.includes(":")), [`pull:im:${want}`, `pull-client:im:${want}`])
    assert.equal(want, command.replace(/[^\w.:-]+/gu, (one) => encodeURIComponent(one).replace(/[!~*'()]/g, (sign) => "%" + sign.charCodeAt(0).toString(16).toUpperCase())))
  }
})

test("without a body a message of a client is dropped", (t) => {
  const around = client(t)
  around.page.document.readyState = "loading"
  domEvents(/** @type {any} */ (around.page), around.pull)
  around.server.last.say(hello(), message("im:typing"))
  const body = new EventTarget()
  Object.assign(around.page.document, { body })
  const dispatched = t.mock.method(body, "dispatchEvent")
  around.time.pass(1_000)
  assert.deepEqual(dispatched.mock.calls.filter(({ arguments: [one] }) => one.type.startsWith("pull-client")), [])
})


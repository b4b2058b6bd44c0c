import { mock } from "node:test"
import { runHooks } from "../src/hooks.js"
import { LegacyPull } from "../src/legacy.js"

/** @typedef {(url: URL, init: any) => Response | Promise<Response>} Answer */

/** Lets promises settle without letting time pass. */
export const settle = () => new Promise((resolve) => setImmediate(resolve))

/** Time stands still until a test moves it; chance is 0.5 unless it says otherwise.
 *  @param {import("node:test").TestContext} t */
export function fakeTime(t, chance = 0.5) {
  let mono = 0
  let wall = 1_800_000_000_000
  mock.timers.enable({ apis: ["setTimeout"] })
  t.mock.method(Date, "now", () => wall + mono)
  t.mock.method(performance, "now", () => mono)
  const random = t.mock.method(Math, "random", () => chance)
  t.after(() => mock.timers.reset())
  return {
    pass: (/** @type {number} */ ms) => {
      mono += ms
      mock.timers.tick(ms)
    },
    /** The device sleeps: only its clock goes on. Or somebody sets the clock. */
    freeze: (/** @type {number} */ ms) => void (wall += ms),
    chance: (/** @type {number} */ value) => random.mock.mockImplementation(() => value),
  }
}

/** What the page logged instead of throwing.
 *  @param {import("node:test").TestContext} t */
export function consoleErrors(t) {
  return t.mock.method(console, "error", () => {}).mock
}

/** A server's side of WebSockets: sockets are those that the client opened. */
export function fakeSockets() {
  /** @type {Socket[]} */
  const sockets = []

  class Socket {
    /** @type {string[]} */
    sent = []
    closed = false
    /** @type {((event: { data: string }) => void) | null} */
    onmessage = null
    /** @type {((event: { code: number }) => void) | null} */
    onclose = null
    /** @type {((event: object) => void) | null} */
    onerror = null

    /** @param {URL} url */
    constructor(url) {
      this.url = url
      sockets.push(this)
    }

    /** @param {string} text */
    send(text) {
      this.sent.push(text)
    }

    close() {
      this.closed = true
    }

    /** @param {any[]} messages */
    say(...messages) {
      this.onmessage?.({ data: JSON.stringify(messages) })
    }

    /** @param {number} code */
    drop(code) {
      this.onclose?.({ code })
    }

    /** As where a policy forbids the connection. */
    fail() {
      this.onerror?.({})
    }
  }

  return {
    WebSocket: /** @type {any} */ (Socket),
    sockets,
    get last() {
      const last = sockets.at(-1)
      if (!last) throw new Error("no socket was opened")
      return last
    },
  }
}

/** A stream of Server-Sent Events that the test writes. */
export function fakeStream() {
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  let controller
  const body = new ReadableStream({ start: (c) => void (controller = c) })
  return {
    response: new Response(body, { headers: { "Content-Type": "text/event-stream; charset=utf-8" } }),
    write: (/** @type {string} */ text) => controller.enqueue(new TextEncoder().encode(text)),
    say: (/** @type {any[]} */ ...messages) =>
      controller.enqueue(new TextEncoder().encode(`id: x\ndata: ${JSON.stringify(messages)}\n\n`)),
    end: () => controller.close(),
  }
}

/** @param {number} status
 *  @param {Record<string, string>} [headers] */
export const answer = (status, headers) => new Response("{}", { status, headers: { "Content-Type": "application/json", ...headers } })

export class FakePage extends EventTarget {
  document = Object.assign(new EventTarget(), {
    baseURI: "https://example.com/app/",
    readyState: "complete",
    hidden: false,
  })
  fetch = async () => answer(404)
  WebSocket = class {}
  location = { origin: "https://example.com", href: "https://example.com/app/" }
  /** @type {any} */
  BX
  /** @type {any} */
  BXMobileApp
  /** @type {any} */
  Pull

  /** @param {string[]} names */
  fire(...names) {
    for (const name of names) this.dispatchEvent(new Event(name))
  }
}

/** A page whose BX records every hook with its arguments. */
export function hookedPage() {
  /** @type {[string, ...unknown[]][]} */
  const hooks = []
  const page = new FakePage()
  page.BX = { onCustomEvent: (/** @type {any} */ _, /** @type {string} */ name, /** @type {any[]} */ args) => hooks.push([name, ...args]) }
  return { page, hooks }
}

/** @param {object} [params] */
export const hello = (params) => ({
  module_id: "pull",
  command: "hello",
  params: { protocol: 2, epoch: "k3f9", offset: 100, user: "42", recovered: false, tick: 25, ...params },
})

/** @param {number} id
 *  @param {object} [rest] */
export const event = (id, rest) => ({
  id,
  module_id: "tasks",
  command: "update",
  params: { ID: id },
  extra: { server_time_unix: 1_800_000_000 },
  ...rest,
})

/** The same as version 2 of the protocol has it.
 *  @param {number} id */
export const array = (id) => [id, 1_800_000_000_000, "tasks:update", { ID: id }]

/** A started client with everything around it.
 *  @param {import("node:test").TestContext} t
 *  @param {object} [options]
 *  @param {Answer} [fetch] */
export function client(t, options, fetch = () => answer(426)) {
  t.after(() => pull.stop()) // before time is real again
  const time = fakeTime(t)
  const server = fakeSockets()
  const { page, hooks } = hookedPage()
  /** @type {{ url: URL, init: any }[]} */
  const requests = []

  const pull = new LegacyPull({
    url: "/pull",
    client: "page-0123456789abcdef",
    page: /** @type {any} */ (page),
    WebSocket: server.WebSocket,
    fetch: async (/** @type {any} */ url, /** @type {any} */ init) => {
      requests.push({ url: /** @type {URL} */ (url), init })
      return fetch(/** @type {URL} */ (url), init)
    },
    ...options,
  })
  runHooks(page, pull)
  /** @type {string[]} */
  const states = []
  pull.on("status", (state) => states.push(state))
  pull.start()
  time.pass(0)
  return { pull, server, page, hooks, time, requests, states }
}

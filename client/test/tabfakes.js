import { Pull } from "../src/pull.js"
import { serve } from "../src/tabs/worker.js"
import { FakePage, fakeSockets, fakeTime, settle } from "./fakes.js"
import "./tabs/pull-shared.js" // to have it loaded

/** Two ports. What one posts the other gets a moment later, unless its side is frozen or dead. */
class FakePort {
  /** @type {FakePort | undefined} */
  other
  /** @type {any[]} */
  queue = []
  frozen = false
  dead = false
  /** @type {((event: { data: any }) => void) | null} */
  onmessage = null

  /** @param {any} data */
  postMessage(data) {
    if (this.dead || !this.other) return
    const { other } = this
    other.queue.push(structuredClone(data))
    queueMicrotask(() => other.deliver())
  }

  deliver() {
    if (this.frozen || this.dead || !this.onmessage) return
    for (const data of this.queue.splice(0)) this.onmessage({ data })
  }

  close() {
    this.dead = true
  }
}

/** Locks that tabs hold, and that are free once their tab has ended. */
class FakeLocks {
  /** @type {Map<string, Promise<unknown>>} */
  held = new Map()

  /** @param {Set<() => void>} [owned] ends the locks of a tab */
  of(owned = new Set()) {
    return {
      request: async (/** @type {string} */ name, /** @type {() => unknown} */ run) => {
        while (this.held.has(name)) await this.held.get(name)
        const end = new Promise((resolve) => owned.add(() => resolve(undefined)))
        const held = Promise.race([end, run()]).then(() => this.held.delete(name))
        this.held.set(name, held)
        await held
      },
    }
  }
}

/** @param {import("node:test").TestContext} t */
export function fakeBrowser(t) {
  t.after(async () => {
    all.forEach((pull) => pull.stop())
    await settled() // the workers notice it before time is real again
  })
  const time = fakeTime(t)
  const server = fakeSockets()
  const locks = new FakeLocks()
  /** The ends of the workers' ports, and of the locks that they wait for.
   *  @type {FakePort[]} */
  const far = []
  /** The workers by their names.
   *  @type {Map<string, { connect: (port: any) => void, scope: EventTarget }>} */
  const workers = new Map()
  /** @type {Pull[]} */
  const all = []

  const around = {
    time,
    server,
    workers,
    fails: false, // to load the worker
    silent: false,
    /** What the server answers to requests of the workers.
     *  @type {(url: URL, init: any) => Response} */
    fetch: () => new Response("{}", { status: 426 }),

    /** @param {object} [options] */
    tab(options) {
      const page = new FakePage()
      /** @type {FakePort[]} */
      const ports = []
      /** @type {any[]} */
      const made = []
      const owned = new Set()
      class SharedWorker {
        onerror = () => {}
        port = new FakePort()
        /** @param {string} url
         *  @param {{ name: string }} options */
        constructor(url, { name }) {
          const end = new FakePort()
          this.port.other = end
          end.other = this.port
          far.push(end)
          ports.push(this.port)
          made.push(this)
          if (around.fails) queueMicrotask(() => this.onerror())
          if (around.fails || around.silent) return
          if (!workers.has(url + name)) workers.set(url + name, newWorker())
          const worker = /** @type {any} */ (workers.get(url + name))
          worker.connect(end)
          end.deliver()
        }
      }
      const own = fakeSockets()
      Object.assign(page, { SharedWorker, navigator: { locks: locks.of(owned) }, WebSocket: own.WebSocket })
      const url = new URL("./tabs/", import.meta.url).href
      const pull = new Pull({ url, user: "42", cursor: "k3f9.100", shared: true, page: /** @type {any} */ (page), ...options })
      /** @type {any[]} */
      const heard = []
      /** @type {string[]} */
      const told = []
      pull.on("message", ({ params }) => heard.push(params.ID))
      pull.on("gap", () => told.push("gap"))
      pull.on("session", () => told.push("session"))
      pull.on("error", (code) => told.push(code))
      all.push(pull)
      return {
        pull,
        page,
        own,
        heard,
        told,
        ports,
        workerFails: () => made.forEach((worker) => worker.onerror?.()),
        async start() {
          pull.start()
          await around.pass(0)
        },
        freeze: () => ports.forEach((port) => (port.frozen = true)),
        async thaw() {
          for (const port of ports) {
            port.frozen = false
            port.deliver()
          }
          await settled()
        },
        async crash() {
          ports.forEach((port) => port.close())
          owned.forEach((end) => end())
          await settled()
        },
      }
    },

    /** @param {any} [options] */
    async open(options) {
      const tab = around.tab(options)
      await tab.start()
      return tab
    },

    /** The browser ends the workers. */
    kill() {
      for (const port of far.splice(0)) port.close()
      for (const socket of server.sockets) socket.close()
      workers.clear()
    },

    /** @param {any[]} messages */
    async say(...messages) {
      server.last.say(...messages)
      await around.pass(0)
    },

    /** @param {number} ms */
    async pass(ms) {
      time.pass(ms)
      for (let i = 0; i < 3; i++) {
        await settled()
        time.pass(0)
      }
    },
  }

  function newWorker() {
    const scope = Object.assign(new EventTarget(), {
      WebSocket: server.WebSocket,
      fetch: async (/** @type {any} */ url, /** @type {any} */ init) => around.fetch(url, init),
      navigator: { locks: locks.of() },
      location: { origin: "https://example.com" },
    })
    return { scope, connect: serve(scope) }
  }

  return around
}

/** Lets all messages arrive. */
export async function settled() {
  await import("./tabs/pull-shared.js")
  for (let i = 0; i < 6; i++) await settle()
}

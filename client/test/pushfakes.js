import { complete } from "../src/options.js"
import { FakePage } from "./fakes.js"

export const mount = "https://example.com/pull/"
export const key = "BKey"

/** @param {string} text */
const bytesOf = (text) => Uint8Array.from(Buffer.from(text, "base64url")).buffer

/** What pages and workers of an origin share, as a browser keeps it. */
export function fakeCaches() {
  /** @type {Map<string, string>} */
  const entries = new Map()
  const cache = {
    matchAll: async () => [...entries.values()].map((text) => new Response(text)),
    put: async (/** @type {string} */ name, /** @type {Response} */ response) => void entries.set(name, await response.text()),
    delete: async (/** @type {string} */ name) => entries.delete(name),
  }
  const records = () => [...entries.values()].map((text) => ({ ...JSON.parse(text), saved: undefined })).map(({ saved, ...record }) => record)
  return { open: async () => cache, records, put: (/** @type {any} */ record) => entries.set(record.mount, JSON.stringify(record)) }
}

export class FakeSubscription {
  static count = 0
  endpoint = `https://push.test/${FakeSubscription.count++}`

  /** @param {FakeRegistration} of
   *  @param {string} serverKey */
  constructor(of, serverKey) {
    this.of = of
    this.options = { applicationServerKey: bytesOf(serverKey) }
  }

  toJSON() {
    return { endpoint: this.endpoint, keys: { auth: "a", p256dh: "p" } }
  }

  async unsubscribe() {
    this.of.subscription = null
    return true
  }
}

export class FakeRegistration {
  /** @type {FakeSubscription | null} */
  subscription = null
  /** @type {any} */
  installing = null
  waiting = null
  /** @type {any[]} */
  shown = []
  /** @type {() => Promise<void>} what the push service does before it answers */
  service = async () => {}

  /** @param {string} scope
   *  @param {string} scriptURL */
  constructor(scope, scriptURL) {
    this.scope = scope
    /** @type {any} */
    this.active = { scriptURL, state: "activated" }
  }

  pushManager = {
    getSubscription: async () => this.subscription,
    subscribe: async (/** @type {any} */ { userVisibleOnly, applicationServerKey }) => {
      if (!this.active || !userVisibleOnly || this.subscription) throw new DOMException("no", "InvalidStateError")
      await this.service()
      return (this.subscription = new FakeSubscription(this, applicationServerKey))
    },
  }

  getNotifications = async (/** @type {any} */ { tag } = {}) => this.shown.filter((one) => one.open && (!tag || one.tag === tag))

  showNotification = async (/** @type {string} */ title, /** @type {any} */ options) => {
    const one = { title, ...options, open: true, close: () => (one.open = false) }
    this.shown.push(one)
  }
}

export class FakeContainer extends EventTarget {
  /** @type {FakeRegistration[]} */
  registrations = []
  started = 0
  /** @type {(registration: FakeRegistration) => void} */
  made = () => {}
  getRegistrations = async () => this.registrations
  startMessages = () => void this.started++
  /** @param {string} script
   *  @param {{ scope?: string }} options */
  register = async (script, { scope }) => {
    const url = new URL(scope ?? ".", script).href
    const known = this.registrations.find((one) => one.scope === url)
    if (known) return known
    const made = new FakeRegistration(url, script)
    this.made(made)
    this.registrations.push(made)
    return made
  }
}

/** A browser's page with push messages, and its server.
 *  @param {object} [given] options of the client */
export function pushPage(given) {
  const page = /** @type {any} */ (new FakePage())
  const container = new FakeContainer()
  const caches = fakeCaches()
  const server = { user: "42", key, get: 200, post: 204, delete: 204, online: true, /** @type {any} */ body: { message: "no such endpoint" } }
  /** @type {{ method: string, url: string, body: any, init: any }[]} */
  const requests = []
  /** @type {string[]} */
  const visited = []
  let asked = 0
  Object.assign(page, {
    navigator: { serviceWorker: container, userActivation: { isActive: true } },
    PushManager: class {},
    Notification: {
      permission: "granted",
      answer: "granted",
      async requestPermission() {
        asked++
        return (page.Notification.permission = page.Notification.answer)
      },
    },
    caches,
    location: { origin: "https://example.com", href: "https://example.com/app/", assign: (/** @type {string} */ url) => visited.push(url) },
    fetch: async (/** @type {URL} */ url, /** @type {any} */ init) => {
      const body = init.body && JSON.parse(init.body)
      requests.push({ method: init.method, url: url.href, body, init })
      if (!server.online) throw new TypeError("no network")
      if (init.method === "DELETE") return new Response(null, { status: server.delete })
      if (init.method === "POST") return server.post === 204 ? new Response(null, { status: 204 }) : Response.json(server.body, { status: server.post })
      return Response.json({ key: server.key, user: server.user }, { status: server.get })
    },
  })
  const options = complete({ url: "/pull", client: "page-0123456789abcdef", page, ...given })
  const sent = (/** @type {string} */ method) => requests.filter((one) => one.method === method)
  return { page, container, caches, server, requests, sent, options, visited, asked: () => asked }
}

import { hooksOf } from "./hooks.js"
import { mark, Pull } from "./pull.js"
import { safely } from "./safely.js"

const no = () => false

/** Where a window keeps onCustomEvent of pull.js: handlers that were added before
 *  the real BX was loaded are only known to it. */
export const ownEvents = Symbol.for("echo-pull.events")

/** The client that runs the hooks of Bitrix, with the names that code written for
 *  the original calls. */
export class LegacyPull extends Pull {
  static CloseReasons = /** @type {const} */ ({
    NORMAL_CLOSURE: 1000,
    SERVER_DIE: 1001,
    CONFIG_REPLACED: 3000,
    CHANNEL_EXPIRED: 3001,
    SERVER_RESTARTED: 3002,
    CONFIG_EXPIRED: 3003,
    MANUAL: 3004,
    STUCK: 3005,
    BACKEND_ERROR: 3006,
    WRONG_CHANNEL_ID: 4010,
  })

  /** @param {any} options with the page */
  constructor(options) {
    super(options)
    const { page } = options
    const platform = () => this.getDebugInfo().platform

    // Hooks run where the page has BX: the real one, or the names of pull.js. They
    // are the page's, so where the script tag has made a client no other runs them,
    // or every handler would hear everything twice. BX stops at a handler that
    // throws, so each hook is run for itself.
    const run = (/** @type {string} */ name, /** @type {unknown[]} */ args) => {
      if ((page[mark] ?? this) !== this) return
      for (const emit of new Set([page.BX?.onCustomEvent, page[ownEvents]])) {
        safely(() => emit?.call(page.BX, page, name, args, true))
      }
    }

    for (const kind of /** @type {const} */ (["message", "client", "online"])) {
      this.on(kind, (message) => {
        for (const [name, args] of hooksOf(platform(), kind, message)) run(name, args)
      })
    }
    this.on("status", (status) => run("onPullStatus", [platform() === "mobile" ? { status, additional: {} } : status]))
    this.on("error", (...args) => run("onPullError", args))
    this.on("gap", () => run("onPullGap", []))
  }

  restart() {
    this.stop()
    return this.start()
  }

  disconnect() {
    this.stop()
  }

  getRevision() {
    return 19
  }

  getPullServerStatus() {
    return this.isConnected()
  }

  /** As the original spells it. */
  isWebSoketConnected() {
    return this.isConnected()
  }

  supportWebSocket() {
    return "WebSocket" in globalThis
  }

  isPublishingEnabled = no
  isPublishingSupported = no

  // What was left for old code in the original, and does nothing there either.
  closeConfirm = no
  expireConfig = no
  returnPrivateVar = no
  setPrivateVar = no
  setUpdateStateStepCount = no
  tryConnect = no
  tryConnectDelay = no
  tryConnectSet = no
  updateChannelID = no
  updateState = no
}

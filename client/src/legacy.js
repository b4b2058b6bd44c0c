import { Pull } from "./pull.js"

const no = () => false

/** The client with the names that code written for the original calls. */
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
  tryConnect = no
  tryConnectDelay = no
  tryConnectSet = no
  updateChannelID = no
  updateState = no
}

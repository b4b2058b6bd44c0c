import { Pull } from "./pull.js"

const no = () => false
const yes = () => true

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

  // Whether the server permits a message is known when it answers.
  isPublishingEnabled = yes
  isPublishingSupported = yes

  /** @param {import("./sends.js").Id[]} users
   *  @param {string} moduleId
   *  @param {string} command
   *  @param {unknown} [params]
   *  @param {number} [expiry] in seconds */
  sendMessage(users, moduleId, command, params, expiry) {
    return this.send(users, moduleId, command, params, { expiry })
  }

  /** Rejects if one of the messages is not sent; the others are.
   *  @param {{ userList: import("./sends.js").Id[], body: { module_id: string, command: string, params?: unknown }, expiry?: number }[]} messages */
  async sendMessageBatch(messages) {
    await Promise.all(messages.map(({ userList, body, expiry }) => this.sendMessage(userList, body.module_id, body.command, body.params, expiry)))
  }

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

import { mostUnread } from "./limits.js"

/** @typedef {import("../delay.js").Ending} Ending */

/** What a tab says of itself when it joins.
 *  @typedef {{ version: string, lock: string, mount: string, credentials: RequestCredentials, user: string, client: string,
 *    cursor: string | null, grants: string[] }} Joining */

/** A tab, as the worker knows it. It is at an offset of an epoch: it has got everything up to there,
 *  or that is on its way.
 *
 *  waits: it has not got hello. isLost: what follows its offset will not come. isBehind: it gets nothing
 *  until it has handled what is on its way. */
export class Tab {
  epoch = ""
  offset = 0
  waits = true
  isLost = false
  isBehind = false
  looks = false
  isAhead = false // of the server, as far as is known
  isTried = false // the connection has begun again for it
  #port
  #unread = 0
  /** @type {string[]} */
  #frame = []

  /** @param {{ postMessage(message: any): void, close(): void }} port
   *  @param {string} number
   *  @param {Joining} joining */
  constructor(port, number, { cursor, grants }) {
    this.#port = port
    this.number = number
    this.grants = grants
    const [, epoch, offset] = /^(.+)\.(\d+)$/s.exec(cursor ?? "") ?? []
    if (epoch && Number.isSafeInteger(Number(offset))) this.place(epoch, Number(offset))
    this.isLost = !!cursor && !this.epoch
  }

  /** @param {string} epoch
   *  @param {number} offset */
  place(epoch, offset) {
    this.epoch = epoch
    this.offset = offset
  }

  /** A message, which leaves with the next flush.
   *  @param {string} text */
  push(text) {
    this.#frame.push(text)
  }

  /** @param {object} params
   *  @param {string} command */
  control(command, params) {
    this.push(JSON.stringify({ module_id: "pull", command, params }))
  }

  flush() {
    if (!this.#frame.length) return
    this.frame(`[${this.#frame.join()}]`)
    this.#frame = []
    this.isBehind ||= this.#unread > mostUnread
  }

  /** @param {string} text */
  frame(text) {
    this.#unread += text.length
    this.#port.postMessage(text)
  }

  /** It has handled a frame. Returns whether it can go on.
   *  @param {number} letters */
  handled(letters) {
    this.#unread -= letters
    return this.isBehind && this.#unread < mostUnread / 2
  }

  /** @param {Ending} ending */
  end(ending) {
    this.#port.postMessage(ending)
    this.#port.close()
  }
}

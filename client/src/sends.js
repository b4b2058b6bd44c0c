import { encode } from "./encode.js"
import { fits, size } from "./frames.js"
import { invalid } from "./invalid.js"
import { sending } from "./patience.js"
import { Timer } from "./timer.js"

/** @typedef {string | number} Id
 *  @typedef {Id | Id[] | { tag: string }} Target
 *  @typedef {{ n: number, state: string }} Answer */

const mostUsers = 100
const mostBytes = 16_000 // the server closes on a frame of more than 16 KiB

/** Messages to other pages. Each has a number, which the server's answer repeats. */
export class Sends {
  #last = 0
  /** @type {Map<number, (state: string) => void>} */
  #unanswered = new Map()
  #send

  /** @param {(body: object) => boolean} send */
  constructor(send) {
    this.#send = send
  }

  /** Rejects, before it is sent, what the server would close the connection for.
   *  @param {Target} target
   *  @param {string} module
   *  @param {string} command
   *  @param {unknown} params
   *  @param {number} expiry in seconds
   *  @returns {Promise<void>} */
  async put(target, module, command, params, expiry) {
    const n = ++this.#last
    const seconds = Math.min(60, Math.max(1, Math.ceil(expiry) || 10))
    const body = { send: { n, ...addressOf(target), module: checked(module), command: checked(command), params, expiry: seconds } }
    const code = await new Promise((settle) => {
      if (size(encode(body)) > mostBytes) return settle("large")
      new Timer().set(sending, () => settle("timeout"))
      this.#unanswered.set(n, settle)
      if (!this.#send(body)) settle("offline")
    })
    this.#unanswered.delete(n)
    if (code !== "ok") throw Object.assign(new Error("pull: not sent: " + code), { code })
  }

  /** @param {Answer} answer */
  answered({ n, state }) {
    this.#unanswered.get(n)?.(state)
  }
}

/** @param {any} target */
function addressOf(target) {
  const tag = target?.tag
  const ids = tag == null ? [target].flat() : [tag]
  const valid = ids.every((id) => ["string", "number"].includes(typeof id) && id !== "" && fits(String(id)))
  if (!valid || !ids.length || ids.length > mostUsers) throw invalid("target", JSON.stringify(target))
  return tag == null ? { users: ids.map(String) } : { tag: String(tag) }
}

/** @param {string} name of a module or a command */
function checked(name) {
  if (typeof name === "string" && /^[^\p{Cc}\u2028\u2029]+$/u.test(name) && size(name) <= 100) return name
  throw invalid("name", JSON.stringify(name))
}

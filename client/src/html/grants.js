import { pace, unanswered } from "../patience.js"
import { paced } from "../paced.js"
import { safely } from "../safely.js"

const mostInHandshake = 64
const handshakeBytes = 3_000 // of an address of 4 KiB, which is all that the server takes of a stream
const inFrame = 7 // of 2 KiB at most: the server takes 16 KiB

/** @typedef {"ok" | "gap" | "expired" | "forged" | "foreign" | "limit"} State
 *  @typedef {(state: State) => void} Listener
 *
 *  grant: as the page has it. renewed: as the server has renewed it. state: the server's
 *  last answer. isSent: in the handshake or sent, and need not be sent before the next renewal.
 *  isKnown: the server may know it.
 *  @typedef {{ grant: string, renewed: string, listeners: Set<Listener>, state?: State, isSent?: boolean, isKnown?: boolean }} Entry */

/** The watches of this page, each by a grant that the server has rendered. At the end of a
 *  task the server gets what has changed: an element that moves changes nothing. */
export class Grants {
  /** Those without listeners have ended, and the server does not know yet; or it has
   *  refused them, and does not get them again.
   *  @type {Map<string, Entry>} */
  #entries = new Map()
  #greeted = false
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #renewal
  #send
  #emit
  #every
  #flush = paced(pace, () => this.#exchange()) // faster is cut

  /** @param {(body: object) => boolean} send false: not connected
   *  @param {(name: string, ...args: unknown[]) => void} emit
   *  @param {number} every ms between two renewals */
  constructor(send, emit, every) {
    this.#send = send
    this.#emit = emit
    this.#every = every
  }

  /** Watches until the returned function is called, once or more often.
   *  @param {string} grant
   *  @param {Listener} [listener] for each answer of the server, also the last one
   *  @returns {() => void} */
  watch(grant, listener = () => {}) {
    /** @type {Entry} */
    const entry = this.#entries.get(grant) ?? { grant, renewed: grant, listeners: new Set() }
    const { state, listeners } = entry
    const own = (/** @type {State} */ answer) => safely(() => listener(answer))
    this.#entries.set(grant, entry)
    listeners.add(own)
    if (state) own(state)
    queueMicrotask(this.#flush)
    return () => {
      listeners.delete(own)
      queueMicrotask(this.#flush)
    }
  }

  /** Adds to the address of a handshake what is watched from the page's position on: the
   *  grants that were there before the first hello, and those that the server knows.
   *  @param {URL} address */
  handshake(address) {
    let left = handshakeBytes
    let count = 0
    for (const entry of this.#entries.values()) {
      const { renewed, state } = entry
      const isMeant = isWanted(entry) && (state || !this.#greeted)
      entry.isSent = isMeant && count < mostInHandshake && renewed.length < left
      if (!entry.isSent) {
        if (isMeant) entry.state = undefined // it is not answered on this connection yet
        continue
      }
      entry.isKnown = true
      address.searchParams.append("watch", renewed)
      left -= renewed.length + 7
      count++
    }
  }

  /** The server has let the page in: what the handshake left out follows. */
  hello() {
    this.#greeted = true
    this.#exchange()
  }

  /** @param {Record<string, { state: State, grant?: string }>} answers */
  answered(answers) {
    let gap = false
    for (const entry of [...this.#entries.values()]) {
      const answer = answers[entry.renewed]
      if (!answer) continue
      const { state, grant = entry.renewed } = answer
      entry.state = state
      entry.renewed = grant
      gap ||= state === "gap"
      for (const listener of [...entry.listeners]) listener(state)
      if (isRefused(entry)) this.#emit("error", "WATCH_ERROR", state)
    }
    if (gap) this.#emit("gap")
    this.#renewLater()
  }

  #exchange() {
    const all = [...this.#entries.values()].filter((entry) => !isRefused(entry))
    const ended = all.filter((entry) => !entry.listeners.size && (entry.isKnown || !this.#entries.delete(entry.grant)))
    const due = all.filter((entry) => entry.listeners.size && !entry.isSent)
    this.#sendAll("unwatch", ended, ({ grant }) => this.#entries.delete(grant))
    this.#sendAll("watch", due, (entry) => (entry.isSent = entry.isKnown = true))
    this.#renewLater()
  }

  /** @param {string} key
   *  @param {Entry[]} entries
   *  @param {(entry: Entry) => void} sent */
  #sendAll(key, entries, sent) {
    while (entries.length) {
      const part = entries.splice(0, inFrame)
      if (this.#send({ [key]: part.map(({ renewed }) => renewed) })) part.forEach(sent)
    }
  }

  /** Renews all after a while, or sends all again if there is no answer. */
  #renewLater() {
    const all = [...this.#entries.values()].filter(isWanted)
    clearTimeout(this.#renewal)
    if (!all.length) return
    const wait = all.every(({ state }) => state) ? this.#every : unanswered
    this.#renewal = setTimeout(() => {
      for (const entry of all) entry.isSent = false
      this.#flush()
    }, wait)
  }
}

/** @param {Entry} entry */
const isRefused = ({ state }) => state && state !== "ok" && state !== "gap"

/** @param {Entry} entry */
const isWanted = (entry) => entry.listeners.size > 0 && !isRefused(entry)

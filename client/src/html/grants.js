import { pace, unanswered } from "../patience.js"
import { paced } from "../paced.js"
import { safely } from "../safely.js"

// Of an address of 4 KiB, which is all that the server takes of a stream. It takes 64 grants,
// which are longer together.
const handshakeBytes = 3_000
const frameBytes = 16_000 // the server takes 16 KiB
const grantBytes = 2_048
const longest = 2 ** 31 - 1 // setTimeout fires at once for more

/** @typedef {"ok" | "gap" | "expired" | "forged" | "foreign" | "limit"} State
 *  @typedef {(state: State) => void} Listener
 *
 *  grant: as the page has it. renewed: as the server has renewed it. state: the server's
 *  last answer. due: when it has to be sent, by performance.now().
 *  isKnown: the server may know it.
 *  @typedef {{ grant: string, renewed: string, listeners: Set<Listener>, due: number, state?: State, isKnown?: boolean }} Entry */

/** The watches of this page, each by a grant that the server has rendered. At the end of a
 *  task the server gets what has changed: an element that moves changes nothing. */
export class Grants {
  /** Those without listeners have ended, and the server does not know yet; or it has
   *  refused them, and does not get them again.
   *  @type {Map<string, Entry>} */
  #entries = new Map()
  #greeted = false
  /** @type {unknown} */
  #whose
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
    // What the server would not take as a grant ends the connection; what is left of it is refused.
    const renewed = `${grant}`.replace(/[^!-~]/g, "").slice(0, grantBytes) || "-"
    /** @type {Entry} */
    const entry = this.#entries.get(grant) ?? { grant, renewed, listeners: new Set(), due: 0 }
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
   *  @param {URL} address
   *  @param {unknown} [whose] another one for another user or mount */
  handshake(address, whose) {
    if (this.#whose !== whose) this.#begin()
    this.#whose = whose
    let left = handshakeBytes
    for (const entry of this.#entries.values()) {
      const { renewed, state } = entry
      const isMeant = isWanted(entry) && !(this.#greeted && !state)
      entry.isKnown = isMeant && renewed.length < left
      entry.due = entry.isKnown ? performance.now() + unanswered : 0
      if (entry.isKnown) {
        address.searchParams.append("watch", renewed)
        left -= renewed.length + 7
      } else if (isMeant) entry.state = undefined // it is not answered on this connection yet
    }
  }

  /** Perhaps somebody else has logged in: what the server has accepted was granted to another user,
   *  and the rest is perhaps the new one's. */
  #begin() {
    this.#greeted = false
    for (const entry of this.#entries.values()) {
      const isForeign = entry.state && !isRefused(entry)
      entry.state = isForeign ? "foreign" : undefined
      if (isForeign) entry.listeners.forEach((listener) => queueMicrotask(() => listener("foreign")))
    }
  }

  /** The server has let the page in: what the handshake left out follows. */
  hello() {
    this.#greeted = true
    this.#exchange()
  }

  /** The login of the connection is another one now: each grant is presented again, to be
   *  renewed for that. */
  renew() {
    for (const entry of this.#entries.values()) entry.due = 0
    this.#flush()
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
      entry.due = performance.now() + this.#every
      gap ||= state === "gap"
      for (const listener of [...entry.listeners]) listener(state)
      if (isRefused(entry)) this.#emit("error", "WATCH_ERROR", state)
    }
    this.#flush() // each is due at another time now
    if (gap) this.#emit("gap")
  }

  /** Sends a frame of what has changed, or waits until something has to be sent again. */
  #exchange() {
    const now = performance.now()
    const all = [...this.#entries.values()].filter((entry) => !isRefused(entry))
    const ended = all.filter((entry) => !entry.listeners.size && (entry.isKnown || !this.#entries.delete(entry.grant)))
    const wanted = all.filter(isWanted)
    const key = ended.length ? "unwatch" : "watch"
    let left = frameBytes
    const part = (ended.length ? ended : wanted.filter(({ due }) => due <= now)).filter(({ renewed }) => (left -= renewed.length + 3) > 0)

    clearTimeout(this.#renewal)
    if (!part.length) {
      const next = Math.min(...wanted.map(({ due }) => due))
      if (next < Infinity) this.#renewal = setTimeout(this.#flush, Math.min(next - now, longest))
    } else if (this.#send({ [key]: part.map(({ renewed }) => renewed) })) {
      for (const entry of part) {
        entry.due = now + unanswered
        entry.isKnown = true
        if (ended.length) this.#entries.delete(entry.grant)
      }
      this.#flush() // the next frame
    }
  }
}

/** @param {Entry} entry */
const isRefused = ({ state }) => state && state !== "ok" && state !== "gap"

/** @param {Entry} entry */
const isWanted = (entry) => entry.listeners.size > 0 && !isRefused(entry)

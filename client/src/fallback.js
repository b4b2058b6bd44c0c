import { betweenSockets, longestStream, sockets } from "./patience.js"
import { stopwatch } from "./timer.js"

const never = () => Infinity

/** Chooses between WebSocket and Server-Sent Events. A WebSocket that the server
 *  would welcome but that never works, three times in a row, is blocked by the
 *  network between; so a stream carries the page, and WebSocket is tried again
 *  now and then. Changing costs nothing: the cursor bridges it. */
export class Fallback {
  #failures = 0
  #sinceTried = never

  /** Whether the next attempt is a WebSocket. */
  choose() {
    if (this.#failures >= sockets && this.#sinceTried() < betweenSockets) return false
    this.#sinceTried = stopwatch()
    return true
  }

  /** The server would have taken the WebSocket. */
  failed() {
    this.#failures++
  }

  worked() {
    this.#failures = 0
  }

  /** From here on the two take turns until one works. */
  alternate() {
    this.#sinceTried = never
  }

  /** Whether a stream has carried the page for so long that it should end and let
   *  a WebSocket have its try. */
  get overdue() {
    return this.#sinceTried() >= longestStream
  }
}

import { linger } from "./patience.js"
import { peopleOf } from "./people.js"

/** @typedef {import("../pull.js").Pull} Pull
 *  @typedef {import("../pull.js").Status} State */

/** What a component shows, and how it learns that it has changed. A listener subscribes
 *  once at a time.
 *  @template T
 *  @typedef {{ get: () => T, subscribe: (listener: () => void) => () => void }} Store */

/** @type {WeakMap<object, ReturnType<typeof share>>} */
const all = new WeakMap()

/** What the components of a page share about a client. On a server or before a login
 *  there is none; then nothing happens.
 *  @param {Pull | null} pull */
export function shared(pull) {
  const key = pull ?? all
  const one = all.get(key) ?? share(pull)
  all.set(key, one)
  return one
}

/** @param {Pull | null} pull */
function share(pull) {
  let users = 0
  // A client that is not connected is about to be.
  let current = /** @type {State} */ (pull?.isConnected() ? "online" : "connect")
  pull?.on("status", (state) => (current = state))

  return {
    people: peopleOf(pull),

    /** The client's status as it was last reported.
     *  @type {Store<State>} */
    status: {
      get: () => current,
      subscribe: (listener) => pull?.on("status", listener) ?? Boolean,
    },

    /** Connects for the first user, once all that come in the same moment listen, and
     *  disconnects a moment after the last one.
     *  @returns {() => void} to be called once */
    hold() {
      if (!users++) queueMicrotask(() => users && pull?.start())
      return () => {
        users--
        setTimeout(() => users || pull?.stop(), linger)
      }
    },
  }
}

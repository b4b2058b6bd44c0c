import { pace } from "./patience.js"

/** @typedef {import("../pull.js").UserId} UserId
 *  @typedef {{ isOnline: boolean, lastSeen?: Date }} Person
 *  @typedef {Readonly<Record<string, Person | undefined>>} People */

/** Nobody is known. @type {People} */
export const nobody = {}

/** What is known about the users that the components of a page show.
 *  @param {import("../pull.js").Pull | null} pull */
export function peopleOf(pull) {
  /** Replaced with each change. */
  let known = nobody
  /** Whom a listener is about. @type {Map<() => void, string[]>} */
  const shown = new Map()
  const everyone = () => [...new Set([...shown.values()].flat())]
  /** @type {boolean | undefined} */
  let isDue
  let turn = Promise.resolve()

  /** @param {Iterable<string>} ids
   *  @param {Record<string, number>} answer seconds since they were online; 0 is now */
  function learn(ids, answer) {
    for (const id of ids) {
      const ago = answer[id]
      known = { ...known, [id]: { isOnline: ago === 0, lastSeen: ago ? new Date(Date.now() - ago * 1000) : undefined } }
    }
    for (const listener of shown.keys()) listener()
  }

  /** Asks for all components of a moment at once, and no faster than the server allows.
   *  Without an answer, the next list asks again. */
  function ask() {
    isDue = true
    turn = turn.then(async () => {
      if (!isDue) return
      isDue = false
      const asked = everyone()
      await pull?.getUsersLastSeen(asked).then((answer) => learn(asked, answer), Boolean)
      await new Promise((resolve) => setTimeout(resolve, pace))
    })
  }

  pull?.on("online", ({ command, params: { USER_ID } }) => {
    const ago = { user_online: 0, user_offline: 1 }[command] // it may have waited for a second
    if (ago == null) ask() // a list: each connection begins with one, and it may leave users out
    else if (everyone().includes(USER_ID)) learn([USER_ID], { [USER_ID]: ago })
  })

  return {
    get: () => known,
    /** @param {string[]} ids
     *  @param {() => void} listener
     *  @returns {() => void} */
    show(ids, listener) {
      shown.set(listener, ids)
      ask()
      return () => shown.delete(listener)
    },
  }
}

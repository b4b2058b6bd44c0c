import { Handlers } from "./handlers.js"

/** @typedef {string | number} UserId
 *  @typedef {(change: { userId: UserId, isOnline: boolean }) => void} StatusCallback
 *  @typedef {{ userId: UserId, callback: StatusCallback, isOnline?: boolean }} Interest */

/** Tells who asked for it that a user has come or gone, from the messages of
 *  module online. Lists come at any time. Who is not on a list is offline, unless more users are online
 *  than it names. */
export class Presence {
  /** @type {Handlers<Interest>} */
  #interests = new Handlers()

  /** @param {UserId} userId
   *  @param {StatusCallback} callback */
  add(userId, callback) {
    this.#interests.add({ userId, callback })
  }

  /** @param {UserId} userId
   *  @param {StatusCallback} [callback] without it, all of the user's */
  delete(userId, callback) {
    this.#interests.removeAll((one) => String(one.userId) === String(userId) && (!callback || one.callback === callback))
  }

  /** @param {import("./message.js").Message} message */
  receive({ command, params }) {
    this.#interests.run(Boolean, (one) => {
      const { userId, callback } = one
      const isOnline = stateOf(String(userId), command, params)
      if (isOnline === undefined || isOnline === one.isOnline) return
      one.isOnline = isOnline
      callback({ userId, isOnline })
    })
  }
}

/** What a message says about a user: undefined where it says nothing.
 *  @param {string} id
 *  @param {string} command
 *  @param {any} params */
function stateOf(id, command, params) {
  if (command === "online_list") {
    const { USERS = {}, COUNT } = params
    return Object.hasOwn(USERS, id) || (COUNT > Object.keys(USERS).length && undefined)
  }
  const change = /^user_(on|off)line$/.exec(command)
  if (change && String(params.USER_ID) === id) return change[1] === "on"
}

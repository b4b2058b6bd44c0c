/** Who is online, as the server has last said: a tab that comes later begins with the list. */
export class People {
  /** @type {any} */
  #list
  /** @type {any} */
  #extra

  /** The list belonged to a connection that has ended. */
  clear() {
    this.#list = undefined
  }

  /** @param {any} raw a message of module online */
  receive({ command, params, extra }) {
    this.#extra = extra
    if (command === "online_list") this.#list = { ...params, USERS: { __proto__: null, ...params.USERS } }
    else if (this.#list) this.#change(command, params.USER_ID)
  }

  /** A list that was incomplete counts users whom it does not name, so that the count may be too low
   *  until the next list.
   *  @param {string} command
   *  @param {string} id */
  #change(command, id) {
    const { USERS } = this.#list
    const isComplete = this.#list.COUNT <= Object.keys(USERS).length
    const isKnown = Object.hasOwn(USERS, id)
    if (command === "user_online") {
      USERS[id] = { id, status: "online" }
      if (isComplete && !isKnown) this.#list.COUNT++
    } else if (command === "user_offline") {
      delete USERS[id]
      if (isKnown || !isComplete) this.#list.COUNT--
    }
    this.#list.COUNT = Math.max(this.#list.COUNT, Object.keys(USERS).length)
  }

  /** The list as a message, or nothing for a user who gets none. */
  get message() {
    return this.#list && JSON.stringify({ module_id: "online", command: "online_list", params: this.#list, extra: this.#extra })
  }
}

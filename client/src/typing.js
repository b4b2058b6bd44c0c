const every = 3_000 // while it goes on
const over = 6_000 // after the last

/** Shows who is typing, and shows others that this user is. The first key is sent at
 *  once. Whoever gets none for six seconds takes it for over.
 *  @param {import("../pull.js").Pull} pull
 *  @param {import("../typing.js").TypingOptions} options
 *  @returns {import("../typing.js").Typing} */
export function typing(pull, { target, module, command = "typing", onChange }) {
  const { tag } = /** @type {any} */ (target)
  const members = [target].flat().map(String)
  /** The users who are typing, each with what ends it.
   *  @type {Map<string, ReturnType<typeof setTimeout>>} */
  const users = new Map()
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let resting
  let due = false // a key since the last message
  let shown = false // the others have been sent no end
  let closed = false

  const send = (/** @type {boolean} */ typing) => {
    shown = typing
    pull.send(target, module, command, tag ? { typing, tag } : { typing }, { expiry: 5 }).catch(() => {})
  }
  const renew = () => {
    resting = due ? setTimeout(renew, every) : undefined
    if (due) send(true)
    due = false
  }
  const stop = () => {
    clearTimeout(resting)
    resting = undefined
    due = false
    if (shown) send(false)
  }

  const tell = () => onChange?.([...users.keys()])
  const forget = (/** @type {string} */ id) => {
    clearTimeout(users.get(id))
    if (users.delete(id)) tell()
  }
  const end = pull.subscribe({
    type: "client",
    moduleId: module,
    command,
    callback(params, { sender: { id = "" } }) {
      if (tag ? params?.tag !== tag : !members.includes(id)) return
      if (id === String(pull.getDebugInfo().user)) return // another page of this user
      if (!params?.typing) return forget(id)
      const known = users.has(id)
      clearTimeout(users.get(id))
      users.set(id, setTimeout(() => forget(id), over))
      if (!known) tell()
    },
  })
  const endLeaving = pull.on(/** @type {any} */ ("leave"), stop)

  return {
    type() {
      due = !closed
      if (!resting) renew()
    },
    stop,
    close() {
      stop()
      closed = true
      end()
      endLeaving()
      users.clear()
    },
  }
}

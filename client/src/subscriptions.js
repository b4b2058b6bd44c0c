import { clone } from "./clone.js"
import { Handlers } from "./handlers.js"

/** What a callback is for. Status and online are about no module, and without a
 *  command it is for the whole module.
 *  @typedef {{ type: string, moduleId?: string, command?: string }} Subject
 *  @typedef {Subject & { callback: (...args: any[]) => void }} Subscription */

/** The callbacks of subscribe, in all its forms. */
export class Subscriptions {
  /** @type {Handlers<Subscription>} */
  #handlers = new Handlers()

  /** A wrong argument is shown in the console, and the page's script goes on.
   *  @param {any} form
   *  @returns {() => void} ends it, together with all equal ones */
  add(form) {
    const wanted = typeof form?.getModuleId === "function" ? ofHandler(form) : ofObject(form)
    if (wanted) this.#handlers.add(wanted)
    else console.error("pull: cannot add", form)
    return () => this.#handlers.removeAll((one) => one.callback === wanted?.callback && same(one, wanted))
  }

  /** A message goes to the callbacks of its whole module before those of its command.
   *  @param {string} type
   *  @param {import("./message.js").Message} message */
  receive(type, { module_id, command, params, extra }) {
    const about = type === "online" ? { type } : { type, moduleId: module_id }
    this.tell(about, { command, params, extra }, about)
    this.tell({ ...about, command }, params, extra, command, about)
  }

  /** @param {Subject} subject
   *  @param {unknown[]} args */
  tell(subject, ...args) {
    this.#handlers.run(
      (one) => same(one, subject),
      (one) => one.callback(...clone(args)),
    )
  }
}

/** @param {any} form
 *  @returns {Subscription | undefined} */
function ofObject(form) {
  const { type = "server", moduleId, command, callback } = form ?? {}
  if (typeof callback !== "function") return
  if (type !== "server" && type !== "client") return { type, callback }
  if (typeof moduleId === "string") return { type, moduleId: moduleId.toLowerCase(), command, callback }
}

/** A handler is an object with a method for each command, named in its map or
 *  handle<Command>. The map is read for every message, because it may change.
 *  @param {any} handler */
function ofHandler(handler) {
  return ofObject({
    type: handler.getSubscriptionType?.(),
    moduleId: handler.getModuleId(),
    callback(/** @type {any} */ { command = "", params, extra }) {
      const map = handler.getMap?.() ?? {}
      const entry = Object.hasOwn(map, command) ? map[command] : "handle" + command.charAt(0).toUpperCase() + command.slice(1)
      const method = typeof entry === "function" ? entry : handler[entry]
      method?.call(handler, params, extra, command)
    },
  })
}

/** @param {Subject} a
 *  @param {Subject} b */
function same(a, b) {
  return a.type === b.type && a.moduleId === b.moduleId && a.command === b.command
}

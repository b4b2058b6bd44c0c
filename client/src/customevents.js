import { clone } from "./clone.js"
import { Handlers } from "./handlers.js"

/** @typedef {(...args: any[]) => void} Handler
 *  @typedef {[target: unknown, name: string, handler: Handler]} Entry */

/** The custom events of BX: addCustomEvent, removeCustomEvent, onCustomEvent, each
 *  with a target as first argument or without one. Handlers of window hear every
 *  target. Names are the same in upper and lower case.
 *  @param {unknown} window the target of those that name none */
export function customEvents(window) {
  /** @type {Handlers<Entry>} */
  const handlers = new Handlers()

  /** @param {any[]} args
   *  @returns {[target: any, name: string, ...rest: any[]]} */
  const withTarget = (args) => {
    const [target, name, ...rest] = typeof args[0] === "string" ? [window, ...args] : args
    return [target ?? window, String(name).toLowerCase(), ...rest]
  }

  /** @param {any[]} wanted */
  const same = (wanted) => (/** @type {Entry} */ entry) => entry.every((part, i) => part === wanted[i])

  return {
    /** @param {any[]} args [target,] name, handler */
    addCustomEvent(...args) {
      const [target, name, handler] = withTarget(args)
      /** @type {Entry} */
      const entry = [target, name, handler]
      if (typeof handler !== "function" || handlers.has(same(entry))) console.error("pull: cannot add", name, handler)
      else handlers.add(entry)
    },

    /** @param {any[]} args [target,] name, handler */
    removeCustomEvent(...args) {
      handlers.removeAll(same(withTarget(args)))
    },

    /** @param {any[]} args [target,] name, arguments, secure: each handler gets its own copy */
    onCustomEvent(...args) {
      const [target, name, params = [], secure] = withTarget(args)
      handlers.run(
        ([of, named]) => named === name && (of === window || of === target),
        ([, , handler]) => handler.apply(target, secure === true ? params.map(clone) : params),
      )
    },
  }
}

import { clone } from "./clone.js"
import { Handlers } from "./handlers.js"

/** @typedef {(...args: any[]) => void} Handler
 *  @typedef {{ target: unknown, name: string, handler: Handler }} Entry */

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

  /** @param {[target: unknown, name: string, ...any]} args */
  const same = ([target, name, handler]) => (/** @type {Entry} */ entry) =>
    entry.target === target && entry.name === name && entry.handler === handler

  return {
    /** @param {any[]} args [target,] name, handler */
    addCustomEvent(...args) {
      const wanted = withTarget(args)
      const [target, name, handler] = wanted
      if (typeof handler !== "function" || handlers.some(same(wanted))) {
        console.error("pull: cannot add", name, handler)
      } else handlers.add({ target, name, handler })
    },

    /** @param {any[]} args [target,] name, handler */
    removeCustomEvent(...args) {
      handlers.remove(same(withTarget(args)))
    },

    /** @param {any[]} args [target,] name, arguments, secure: each handler gets its own copy */
    onCustomEvent(...args) {
      const [target, name, params = [], secure] = withTarget(args)
      handlers.run(
        (entry) => entry.name === name && (entry.target === window || entry.target === target),
        ({ handler }) => handler.apply(target, secure === true ? params.map(clone) : params),
      )
    },
  }
}

import { ofDocument } from "./genuine.js"

/** @typedef {(...args: any[]) => any} Fn */

/** Binds a function to an object, as BX.delegate and BX.proxy do. Without an
 *  object, or without a function, there is nothing to bind.
 *  @param {Fn} run
 *  @param {any} self
 *  @returns {Fn} */
export function delegate(run, self) {
  if (!run || !self) return run
  return (...args) => run.apply(self, args)
}

/** @type {WeakMap<Fn, WeakMap<object, Fn>>} */
const proxies = new WeakMap()

/** delegate with the same wrapper for the same pair, so that it can be removed by
 *  asking for it again.
 *  @param {Fn} run
 *  @param {any} self */
export function proxy(run, self) {
  if (!run || !self) return run
  const known = proxies.get(run) ?? new WeakMap()
  if (!known.has(self)) proxies.set(run, known.set(self, delegate(run, self)))
  return known.get(self)
}

/** Runs at once if the document is ready, otherwise when it is, before the
 *  listeners of the document.
 *  @param {typeof globalThis} window
 *  @param {() => void} run */
export function ready(window, run) {
  if (ofDocument(window.document, "readyState") !== "loading") return run()
  window.addEventListener("DOMContentLoaded", () => run(), true)
}

/** The helpers that scripts beside the hooks use, where no core brings them.
 *  @param {any} window */
export function helpers(window) {
  const messages = /** @type {any} */ ({ __proto__: null })

  return {
    delegate,
    proxy,
    ready: (/** @type {() => void} */ run) => ready(window, run),
    type,

    /** Returns BX.a.b for "a.b" or "BX.a.b", and makes what is missing.
     *  @param {string} path */
    namespace: (path) =>
      path
        .replace(/^BX\./, "")
        .split(".")
        .reduce((parent, name) => (parent[name] ??= {}), window.BX),

    /** Returns the text of a key, empty where there is none; or takes an object of texts.
     *  @param {string | Record<string, string>} texts */
    message(texts) {
      if (typeof texts === "string") return messages[texts] ?? ""
      Object.assign(messages, texts)
      return true
    },

    /** @param {EventTarget | null} node
     *  @param {string} name
     *  @param {EventListener} handler */
    bind: (node, name, handler) => node?.addEventListener(name, handler),
  }
}

const type = {
  isElementNode: (/** @type {any} */ value) => value?.nodeType === 1,
  isPlainObject: (/** @type {any} */ value) => value?.constructor === Object,
}

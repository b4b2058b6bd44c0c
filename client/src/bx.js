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

/** Runs at once if the document is ready, otherwise when it is.
 *  @param {Document} document
 *  @param {() => void} run */
export function ready(document, run) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => run())
  else run()
}

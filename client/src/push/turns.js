import { failure } from "./failure.js"

/** @type {WeakMap<object, Promise<unknown>>} */
const last = new WeakMap()

/** Runs one thing after another.
 *  @template Result
 *  @param {object} page
 *  @param {() => Promise<Result>} run
 *  @returns {Promise<Result>} */
export function alone(page, run) {
  const turn = (last.get(page) ?? Promise.resolve()).then(run, run)
  last.set(page, turn)
  return turn
}

/** Rejects after a time: some browsers wait for ever for a push service that they
 *  cannot reach, and say nothing.
 *  @template Result
 *  @param {number} seconds
 *  @param {Promise<Result>} promise
 *  @returns {Promise<Result>} */
export function within(seconds, promise) {
  return new Promise((resolve, reject) => {
    const late = () => reject(failure("timeout", "the browser's push service does not answer"))
    const timer = setTimeout(late, seconds * 1000)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

import { find } from "../push/records.js"

/** What is used of a service worker's global scope.
 *  @typedef {object} Scope
 *  @property {Location} location
 *  @property {ServiceWorkerRegistration} registration
 *  @property {any} clients
 *  @property {CacheStorage} caches
 *  @property {typeof globalThis.fetch} fetch
 *  @property {Navigator} navigator
 *  @property {() => Promise<void>} skipWaiting
 *  @property {(name: string, handler: (event: any) => void) => void} addEventListener */

/** Whether the worker is the plugin's own, and not the application's.
 *  @param {Scope} self */
export const isOwn = ({ location }) => location.pathname.endsWith("/pull-worker.js")

/** Returns what enable has stored for this registration. Without it the plugin's own
 *  worker still knows where it is from.
 *  @param {Scope} self
 *  @returns {Promise<Partial<import("../push/records.js").Record> | undefined>} */
export async function recordOf(self) {
  const record = await find(self.caches, ({ scope }) => scope === self.registration.scope)
  return record ?? (isOwn(self) ? { mount: new URL(`.${self.location.search}`, self.location.href).href } : undefined)
}

import { below } from "../address.js"
import { find } from "./records.js"

/** @typedef {import("./records.js").Record} Record */

/** Returns the registration whose worker shows the notifications of a mount, and
 *  what is known of its subscription.
 *  @param {typeof globalThis} page
 *  @param {string} mount
 *  @returns {Promise<{ registration?: ServiceWorkerRegistration, subscription?: PushSubscription | null, record?: Record }>} */
export async function current(page, mount) {
  const all = await page.navigator.serviceWorker.getRegistrations()
  const record = await find(page.caches, (one) => one.mount === mount)
  const registration = all.find(({ scope }) => scope === record?.scope) ?? all.find((one) => isOwn(one, mount))
  return { registration, record, subscription: await registration?.pushManager.getSubscription() }
}

/** Whether it is the worker that the server serves, and not one of the application.
 *  @param {ServiceWorkerRegistration} registration
 *  @param {string} mount */
export function isOwn({ active, waiting, installing }, mount) {
  return (active ?? waiting ?? installing)?.scriptURL === scriptOf(mount)
}

/** @param {string} mount */
export const scriptOf = (mount) => below(mount, "/pull-worker.js").href

/** Resolves when a registration has an active worker, which a subscription needs.
 *  navigator.serviceWorker.ready waits for a worker of this page, whose scope may
 *  be another.
 *  @param {ServiceWorkerRegistration} registration
 *  @returns {Promise<void>} */
export function activated({ active, waiting, installing }) {
  const worker = waiting ?? installing
  if (active || !worker) return Promise.resolve()
  return new Promise((resolve, reject) => {
    worker.addEventListener("statechange", () => {
      if (worker.state === "activated") resolve()
      if (worker.state === "redundant") reject(new Error("the service worker cannot be installed"))
    })
  })
}

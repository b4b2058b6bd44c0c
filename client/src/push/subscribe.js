/** Returns the subscription of a registration with a key. A registration has one
 *  subscription; one with another key must be ended first.
 *  @param {ServiceWorkerRegistration} registration
 *  @param {string} key
 *  @param {PushSubscription | null} before its present one
 *  @returns {Promise<PushSubscription>} */
export async function subscribe({ pushManager }, key, before) {
  if (before && keyOf(before) === key) return before
  await before?.unsubscribe()
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
}

/** The key in base64url, as the server writes it.
 *  @param {PushSubscription} subscription */
export function keyOf({ options }) {
  const bytes = new Uint8Array(options?.applicationServerKey ?? [])
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "")
}

/** @typedef {{ notification: any, app_badge?: number }} Message */

const mark = 8030 // of declarative push messages

/** The message of the plugin in a push, or undefined if it is none.
 *  @param {{ json(): any } | null} data
 *  @returns {Message | undefined} */
export function messageOf(data) {
  try {
    const message = data?.json()
    if (message?.web_push === mark && message.notification?.title) return message
  } catch {}
}

/** @param {import("./place.js").Scope} self
 *  @param {Message} message */
export async function show(self, { notification, app_badge }) {
  const { title, navigate, body, icon, image, tag, silent, requireInteraction } = notification
  await self.registration.showNotification(String(title), /** @type {any} */ ({
    body,
    icon,
    image,
    tag,
    silent,
    requireInteraction,
    renotify: !!tag && !silent, // or one that replaces another is not heard
    data: { pull: addressOf(self, navigate) },
  }))
  if (Number.isInteger(app_badge)) await setBadge(self.navigator, Number(app_badge))
}

/** A push that nobody can read. Browsers want a notification for each, and show one
 *  of their own or withdraw the permission where there is none.
 *  @param {import("./place.js").Scope} self */
export function showSomething(self) {
  const data = { pull: addressOf(self, "/") }
  return self.registration.showNotification(self.location.host, { tag: "pull", data })
}

/** @param {import("./place.js").Scope} self
 *  @param {unknown} navigate
 *  @returns {string} */
function addressOf({ location }, navigate) {
  try {
    const url = new URL(String(navigate ?? "/"), location.origin)
    if (/^https?:$/.test(url.protocol)) return url.href
  } catch {}
  return new URL("/", location.origin).href
}

/** @param {any} navigator
 *  @param {number} number */
async function setBadge(navigator, number) {
  try {
    await (number > 0 ? navigator.setAppBadge?.(number) : navigator.clearAppBadge?.())
  } catch {} // an application that is not installed has none
}

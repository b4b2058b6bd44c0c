import { answerClicks } from "./clicks.js"
import { ask, post, request } from "./endpoint.js"
import { coded, failure } from "./failure.js"
import { mountOf } from "./mount.js"
import { find, forget, save } from "./records.js"
import { activated, current, isOwn, scriptOf } from "./registration.js"
import { keyOf, subscribe } from "./subscribe.js"
import { alone, within } from "./turns.js"

/** @typedef {import("../options.js").Completed} Options
 *  @typedef {import("./records.js").Record} Record
 *  @typedef {import("../../pull.js").PushOptions} Given
 *  @typedef {import("../../pull.js").PushState} State */

const patience = 10 // seconds

const fresh = 24 * 3_600_000 // the server may have lost a subscription that it got before

/** Why there can be no notifications here; empty if there can.
 *  @param {Options} options */
function missing(options) {
  const { page } = options
  try {
    if (new URL(mountOf(options)).origin !== page.location.origin) return "the plugin is mounted on another origin"
    if (page.navigator.serviceWorker && page.PushManager && page.Notification) return ""
  } catch {} // a browser may refuse to say
  return "the browser has no push messages here"
}

/** Whether this browser gets notifications for the user who is logged in now. It
 *  moves or removes the subscription of another user.
 *  @param {Options} options
 *  @returns {Promise<State>} */
export async function state(options) {
  if (missing(options)) return "unsupported"
  answerClicks(options)
  return alone(options.page, () => check(options)).catch(() => "unsupported")
}

/** Moves a subscription that another user made to the one who is connected now, even if
 *  the page never asks for the state.
 *  @param {Options} options
 *  @param {string} user */
export async function refresh(options, user) {
  if (missing(options)) return
  answerClicks(options)
  const record = await find(options.page.caches, ({ mount }) => mount === mountOf(options))
  if (record && record.user !== user) await state(options)
}

/** @param {Options} options
 *  @returns {Promise<State>} */
async function check(options) {
  const { page } = options
  const mount = mountOf(options)
  const { registration, subscription, record } = await current(page, mount)
  const answer = await ask({ ...options, mount }).catch(() => null) // null: offline, perhaps
  if (answer === undefined) return "unsupported"
  const { permission } = page.Notification
  if (permission === "denied") return "denied"
  if (!registration || permission !== "granted") return "off"
  if (!answer) return subscription ? "on" : "off"
  const { user, key } = answer
  const end = () => remove(page, mount, subscription)
  if (!user) return end()
  const isSame = record?.user === user && record.key === key && Math.abs(Date.now() - (record.saved ?? 0)) < fresh
  if (isSame && record.endpoint === subscription?.endpoint) return "on"
  // The push service may end a subscription, which the worker then could not renew.
  if (!subscription && record?.user !== user) return "off"

  try {
    const next = await within(patience, subscribe(registration, key, subscription ?? null))
    await keep(options, registration, next, { user, key })
  } catch (error) {
    if (record?.user !== user || coded(error).code === "refused") return end()
    // The server may still have what it saved before; it has nothing newer.
    return (await registration.pushManager.getSubscription())?.endpoint === record.endpoint ? "on" : "off"
  }
  return "on"
}

/** Turns notifications on. Permission is asked for first, while the gesture counts.
 *  Not alone: a browser's question may be put aside, and a second click puts it again.
 *  @param {Options} options
 *  @param {Given} [given]
 *  @returns {Promise<"on">} */
export async function enable(options, given = {}) {
  const { page } = options
  const reason = missing(options)
  if (reason) throw failure("unsupported", reason)
  answerClicks(options)
  await permit(page).catch((error) => Promise.reject(coded(error)))
  const running = enabling.get(page) ?? alone(page, () => start(options, given))
  enabling.set(page, running)
  try {
    return await running
  } catch (error) {
    throw coded(error)
  } finally {
    enabling.delete(page)
  }
}

/** @type {WeakMap<object, Promise<"on">>} */
const enabling = new WeakMap()

/** @param {typeof globalThis} page */
async function permit({ Notification, navigator }) {
  let { permission } = Notification
  if (permission === "default") {
    if (navigator.userActivation?.isActive === false) throw failure("gesture", "permission can only be asked for when the user clicks")
    permission = await Notification.requestPermission()
  }
  if (permission !== "granted") throw failure("denied", "notifications are not allowed")
}

/** @param {Options} options
 *  @param {Given} given
 *  @returns {Promise<"on">} */
async function start(options, { registration: theirs, scope, timeout = patience }) {
  const { page } = options
  const mount = mountOf(options)
  const answer = await ask({ ...options, mount })
  if (!answer) throw failure("unsupported", "the server sends no notifications to browsers")
  const { user, key } = answer
  if (!user) throw failure("refused", "nobody is logged in")
  if (options.user != undefined && String(options.user) !== user) throw failure("refused", "another user is logged in")

  const { record, registration: before } = await current(page, mount)
  const open = async () => {
    const registration = await (theirs ?? page.navigator.serviceWorker.register(scriptOf(mount), { scope }))
    await activated(registration)
    const present = await registration.pushManager.getSubscription()
    const ours = record?.scope === registration.scope || isOwn(registration, mount)
    if (present && !ours && keyOf(present) !== key) throw failure("failed", "the worker has a subscription of another server")
    return { registration, subscription: await subscribe(registration, key, present) }
  }
  const opening = open()
  try {
    const { registration, subscription } = await within(timeout, opening)
    await keep(options, registration, subscription, { user, key })
    if (before && before.scope !== registration.scope) await (await before.pushManager.getSubscription())?.unsubscribe()
    return "on"
  } catch (error) {
    const { code } = coded(error)
    // What worked before goes on, unless it is another user's or the server refuses it.
    const discard = async (/** @type {Awaited<typeof opening>} */ { subscription }) => {
      const { record } = await current(page, mount)
      const isKept = record?.endpoint === subscription.endpoint && record.user === user && code !== "refused"
      if (!isKept) await remove(page, mount, subscription)
    }
    const late = code === "timeout"
    const undone = opening.then((opened) => (late ? alone(page, () => discard(opened)) : discard(opened))).catch(() => {})
    if (!late) await undone
    throw error
  }
}

/** Has the server keep the subscription.
 *  @param {Options} options
 *  @param {ServiceWorkerRegistration} registration
 *  @param {PushSubscription} subscription
 *  @param {{ user: string, key: string }} answer */
async function keep(options, { scope }, subscription, answer) {
  const mount = mountOf(options)
  await post({ ...options, mount }, subscription)
  await save(options.page.caches, { ...answer, mount, scope, endpoint: subscription.endpoint })
}

/** Ends a subscription in this browser. The server learns it from the push service.
 *  @param {typeof globalThis} page
 *  @param {string} mount
 *  @param {PushSubscription | null} [subscription]
 *  @returns {Promise<"off">} */
async function remove(page, mount, subscription) {
  await subscription?.unsubscribe().catch(() => {})
  await forget(page.caches, mount)
  return "off"
}

/** Turns notifications off. The browser alone or the server alone is enough, so that
 *  it works without a network and without a login.
 *  @param {Options} options
 *  @returns {Promise<void>} */
export async function disable(options) {
  if (!missing(options)) await alone(options.page, () => end(options)).catch((error) => Promise.reject(coded(error)))
}

/** @param {Options} options */
async function end(options) {
  const { page } = options
  const mount = mountOf(options)
  const { subscription } = await current(page, mount)
  const { endpoint } = subscription ?? {}
  const [ended, deleted] = await Promise.all([
    within(patience, Promise.resolve(subscription?.unsubscribe() ?? true)).catch(() => false),
    endpoint ? request({ ...options, mount }, "DELETE", { endpoint }).then(({ status }) => status === 204, () => false) : true,
  ])
  if (!ended && !deleted) throw failure("failed", "the subscription cannot be ended")
  await forget(page.caches, mount)
}

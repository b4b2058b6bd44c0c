import { ask, post } from "../push/endpoint.js"
import { forget, save } from "../push/records.js"
import { subscribe } from "../push/subscribe.js"
import { recordOf } from "./place.js"

/** The push service has ended the subscription, and the browser may have a new one.
 *  Firefox has none. Where nobody is logged in, none stays.
 *  @param {import("./place.js").Scope} self
 *  @param {PushSubscription | null} [given] */
export async function renew(self, given) {
  const { registration, caches } = self
  const mount = (await recordOf(self))?.mount
  if (!mount) return // the application's subscription
  const endpoint = { mount, fetch: self.fetch.bind(self) }
  const present = given ?? (await registration.pushManager.getSubscription())
  const answer = await ask(endpoint)
  try {
    if (!answer?.user) throw "nobody is logged in"
    const subscription = await subscribe(registration, answer.key, present)
    await post(endpoint, subscription)
    await save(caches, { ...answer, mount, scope: registration.scope, endpoint: subscription.endpoint })
  } catch {
    await (await registration.pushManager.getSubscription())?.unsubscribe()
    await forget(caches, mount)
  }
}

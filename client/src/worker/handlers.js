import { answerClick } from "./click.js"
import { isOwn } from "./place.js"
import { renew } from "./renew.js"
import { messageOf, show, showSomething } from "./show.js"

/** Adds the handlers to a worker: the plugin's own, or one that imports this script
 *  and may have handlers of its own.
 *  @param {import("./place.js").Scope} self */
export function addHandlers(self) {
  self.addEventListener("push", (event) => {
    const message = messageOf(event.data)
    if (message) event.waitUntil(show(self, message))
    else if (isOwn(self)) event.waitUntil(showSomething(self))
  })
  self.addEventListener("notificationclick", (event) => {
    const url = event.notification.data?.pull
    if (!url) return
    event.notification.close()
    event.waitUntil(answerClick(self, url, event.notification))
  })
  self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(self, event.newSubscription)))

  if (!isOwn(self)) return
  self.addEventListener("install", (event) => event.waitUntil(self.skipWaiting()))
  self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()))
}

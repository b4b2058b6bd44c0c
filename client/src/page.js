import { ofDocument } from "./genuine.js"

/** Follows the page's life: browsers throttle and freeze the timers of hidden
 *  pages, so that whoever waits must look at the clock when the page wakes, and a
 *  page with an open connection would not enter the back/forward cache. Each event
 *  may come without the other half of its pair.
 *  @param {typeof globalThis} page in workers most of these events never come
 *  @param {{ wake(): void, online(): void, offline(): void, hide(): void, look(): void }} life
 *  @returns {() => void} ends it */
export function follow(page, life) {
  const end = new AbortController()
  const wake = () => life.wake()
  const events = {
    visibilitychange() {
      life.look()
      ofDocument(page.document, "hidden") || wake() // bubbles from the document
    },
    focus: wake,
    online: () => life.online(),
    offline: () => life.offline(),
    pagehide: () => life.hide(),
    pageshow: wake,
  }
  for (const [name, run] of Object.entries(events)) page.addEventListener?.(name, run, end)
  return () => end.abort()
}

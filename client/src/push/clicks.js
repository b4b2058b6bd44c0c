import { ofDocument } from "../genuine.js"
import { mountOf } from "./mount.js"

/** What the worker sends to a page when a notification was clicked.
 *  @typedef {{ mount: string, url: string, tag: string, title: string }} Click */

/** The mounts whose clicks a page answers.
 *  @type {WeakMap<object, Set<string>>} */
const answering = new WeakMap()

/** Answers the worker that asks which page takes a click. When the worker has then
 *  focused this page, it goes where the notification leads.
 *  @param {import("../options.js").Completed} options */
export function answerClicks(options) {
  const { page } = options
  const workers = page.navigator?.serviceWorker
  if (!workers) return
  const mount = mountOf(options)
  const mounts = answering.get(workers) ?? new Set()
  answering.set(workers, mounts)
  if (mounts.has(mount)) return
  mounts.add(mount)

  workers.addEventListener("message", ({ data, ports: [port] }) => {
    if (!port || data?.pull?.mount !== mount) return
    port.onmessage = () => {
      port.close()
      open(page, data.pull)
    }
    port.postMessage("here")
  })
  workers.startMessages()
}

/** @param {typeof globalThis} page
 *  @param {Click} click */
function open(page, { url, tag, title }) {
  const { document, location } = page
  const event = new CustomEvent("pull:push", { cancelable: true, detail: { url, tag, title } })
  const goes = ofDocument(document, "dispatchEvent").call(document, event)
  if (goes && new URL(url).origin === location.origin && url !== location.href) location.assign(url)
}

import { recordOf } from "./place.js"

// Firefox lets a worker open windows for one second after a click.
const patience = 500

/** Has a window of the application that is open take the click, or opens one.
 *
 *  The windows are asked before one is focused: Chrome lets a worker focus or open a
 *  window once for each click, and a page that does not answer cannot be told where
 *  to go.
 *  @param {import("./place.js").Scope} self
 *  @param {string} url
 *  @param {{ tag: string, title: string }} notification */
export async function answerClick(self, url, { tag, title }) {
  const deadline = new Promise((resolve) => setTimeout(resolve, patience))
  const mount = (await recordOf(self))?.mount
  const windows = new URL(url).origin === self.location.origin ? await windowsOf(self, url) : []
  const asked = windows.map((window) => ask(window, { mount, url, tag, title }))
  let isTaken = false
  for (const [i, { port, answer }] of asked.entries()) {
    if (isTaken || !(await Promise.race([answer, deadline])) || !(await focus(windows[i]))) port.close()
    else port.postMessage("go"), (isTaken = true)
  }
  if (!isTaken) await self.clients.openWindow(url)
}

/** Those that show the URL come first, and then the ones used last.
 *  @param {import("./place.js").Scope} self
 *  @param {string} url
 *  @returns {Promise<any[]>} */
async function windowsOf({ clients }, url) {
  const all = await clients.matchAll({ type: "window", includeUncontrolled: true })
  const windows = all.filter((/** @type {any} */ one) => one.frameType !== "nested")
  return windows.sort((/** @type {any} */ a, /** @type {any} */ b) => Number(b.url === url) - Number(a.url === url))
}

/** Returns a port to the page, and a promise that the page has answered.
 *  @param {any} window
 *  @param {object} pull */
function ask(window, pull) {
  const { port1: port, port2 } = new MessageChannel()
  const answer = new Promise((resolve) => (port.onmessage = () => resolve(true)))
  window.postMessage({ pull }, [port2])
  return { port, answer }
}

/** @param {any} window
 *  @returns {Promise<boolean>} */
const focus = (window) =>
  window.focus().then(
    () => true,
    () => false,
  )

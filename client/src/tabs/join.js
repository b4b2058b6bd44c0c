import { randomId } from "../options.js"
import { greeting, ownEnding } from "./limits.js"
import { version } from "./version.js"

/** What the client sees in the place of a WebSocket.
 *  @typedef {{ send?(text: string): void, close(): void, onmessage?: ((event: { data: string }) => void) | null,
 *    onclose?: ((ending: object) => void) | null }} Socket */

/** Connects a tab to the worker of its user. It throws where there can be none. Where the worker does not
 *  start, or is not able to connect, the tab connects by itself from then on. While the tab has the lock the
 *  worker knows that it lives; neither the lock nor the port outlast the socket, because a page with them
 *  would not enter the back/forward cache.
 *  @param {Socket} socket
 *  @param {URL} url of the handshake
 *  @param {any} options the client's, completed */
export function join(socket, url, options) {
  const { page, user, credentials, token, headers } = options
  const { locks } = page.navigator
  if (user == undefined || token || headers || !locks || options.WebSocket !== page.WebSocket) throw new Error("pull: cannot share")

  const mount = options.url.href
  const name = JSON.stringify(["pull", version, mount, String(user), credentials])
  const file = new URL(import.meta.url)
  file.search = `?v=${version}`
  const worker = new page.SharedWorker(file.href, { name, type: "module" })
  const { port } = worker
  const lock = `pull ${randomId()}`
  let release = () => {}
  let left = false

  const leave = () => {
    if (left) return
    left = true
    clearTimeout(timer)
    port.postMessage(null)
    port.close()
    release()
  }
  const end = (/** @type {object} */ ending) => {
    const { onclose } = socket
    leave()
    onclose?.(ending)
  }
  const alone = () => {
    options.shared = false
    end({ code: ownEnding })
  }
  const timer = setTimeout(alone, greeting)

  worker.onerror = alone
  port.onmessage = (/** @type {{ data: any }} */ { data }) => {
    clearTimeout(timer)
    worker.onerror = null // some browsers tell it of errors of a worker that works
    if (left) return
    if (typeof data === "string") {
      socket.onmessage?.({ data })
      if (!left) port.postMessage(data.length)
    } else if (data.client) options.client = data.client
    else if (data.code) end(data)
    else alone()
  }
  socket.send = (text) => port.postMessage(text)
  socket.close = leave

  const query = url.searchParams
  const joining = { version, lock, mount, credentials, user: String(user), client: options.client, cursor: query.get("cursor"), grants: query.getAll("watch") }
  locks
    .request(lock, () => {
      if (left) return
      port.postMessage(joining)
      return new Promise((resolve) => (release = () => resolve(undefined)))
    })
    .catch(alone)
}

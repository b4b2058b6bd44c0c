import { file } from "./file.js"

/** Returns what stands in the place of WebSocket in a tab that shares its connection. Where tabs cannot
 *  share, the next attempt has a connection of its own.
 *  @param {import("./options.js").Completed} options
 *  @returns {any} */
export const tabSocket = (options) =>
  function (/** @type {URL} */ url) {
    /** @type {import("./tabs/join.js").Socket} */
    const socket = { close() {} }
    file(/** @type {URL} */ (options.url), "/pull-shared.js")
      .then(({ join }) => socket.onclose && join(socket, url, options))
      .catch(() => {
        options.shared = false
        socket.onclose?.({ code: 4999 })
      })
    return socket
  }

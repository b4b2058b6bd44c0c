/** The same address for a request of another scheme. The page may give either.
 *  @param {URL} url
 *  @param {"http" | "ws"} name https and wss stay secure
 *  @returns {URL} */
export function scheme(url, name) {
  return new URL(url.href.replace(/^(http|ws)/, name))
}

/** @param {URL} url
 *  @param {string} client
 *  @param {string} cursor may be empty
 *  @returns {URL} */
export function withQuery(url, client, cursor) {
  const connect = new URL(url)
  connect.searchParams.set("client", client)
  if (cursor) connect.searchParams.set("cursor", cursor)
  return connect
}

/** Where a page on Server-Sent Events posts what it would send as a frame.
 *  @param {URL} url
 *  @returns {URL} */
export function watchAddress(url) {
  const watch = new URL(url)
  watch.pathname = watch.pathname.replace(/\/?$/, "/watch")
  return watch
}

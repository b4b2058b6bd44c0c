/** The same address for a request of another scheme. The page may give either.
 *  @param {URL} url
 *  @param {"http" | "ws"} name https and wss stay secure
 *  @returns {URL} */
export function scheme(url, name) {
  return new URL(url.href.replace(/^(http|ws)/, name))
}

/** @param {URL} url
 *  @param {Record<string, string>} query what is empty is left out
 *  @returns {URL} */
export function withQuery(url, query) {
  const connect = new URL(url)
  for (const [name, value] of Object.entries(query)) if (value) connect.searchParams.set(name, value)
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

/** The same address for a request of another scheme. The page may give either.
 *  @param {URL} url
 *  @param {"http" | "ws"} name https and wss stay secure
 *  @returns {URL} */
export function scheme(url, name) {
  return new URL(url.href.replace(/^(http|ws)/, name))
}

/** @param {URL} url
 *  @param {Record<string, string | null>} query what is empty is left out
 *  @returns {URL} */
export function withQuery(url, query) {
  const connect = new URL(url)
  for (const [name, value] of Object.entries(query)) if (value) connect.searchParams.set(name, value)
  return connect
}

/** An address below the mount.
 *  @param {URL | string} url of the mount, with or without a slash at its end
 *  @param {string} path beginning with a slash
 *  @returns {URL} */
export function below(url, path) {
  const address = new URL(url)
  address.pathname = address.pathname.replace(/\/?$/, path)
  return address
}

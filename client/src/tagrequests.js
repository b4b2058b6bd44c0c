import { ofDocument } from "./genuine.js"

export const header = "Pull-Client"

/** Lets the page's own same-origin requests carry the client's id, so that the
 *  server can leave this page out of the events it causes (ExceptSender).
 *  @param {typeof globalThis} page
 *  @param {() => string} client the id at the time of a request
 *  @returns {() => void} undoes it */
export function tagRequests(page, client) {
  const { fetch, Request } = page
  const { prototype } = page.XMLHttpRequest
  const { open } = prototype
  let active = true

  /** @param {string | URL} url */
  const ours = (url) => active && new URL(url, ofDocument(page.document, "baseURI")).origin === page.location.origin

  /** Asynchronous, so that a wrong argument is a rejection as ever.
   *  @type {typeof fetch} */
  const taggedFetch = async (input, init) => {
    const request = new Request(input, init)
    if (ours(request.url)) request.headers.set(header, client())
    return fetch(request)
  }

  /** @this {XMLHttpRequest}
   *  @param {[string, string | URL, ...any[]]} args */
  function taggedOpen(...args) {
    open.apply(this, /** @type {any} */ (args))
    if (ours(args[1])) this.setRequestHeader(header, client())
  }

  page.fetch = taggedFetch
  prototype.open = taggedOpen

  return () => {
    active = false // what someone may have wrapped meanwhile stays in place
  }
}

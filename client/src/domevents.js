import { ofDocument } from "./genuine.js"
import { paced } from "./paced.js"

/** Dispatches what happens on the page's body, from where it bubbles, so that markup
 *  can react to it: "pull:<module>:<command>", "pull:gap" and "pull:status". Of those
 *  with one name that come within `ms`, only the first and the last are dispatched. An
 *  event that comes before there is a body waits for it. A message that waits is dropped
 *  if the client begins again for another user.
 *  @param {typeof globalThis} page
 *  @param {import("./pull.js").Pull} client
 *  @param {number | string | false} [ms] default 100; false: none at all */
export function domEvents(page, client, ms = 100) {
  if (ms === false || ms === "false") return
  /** @type {Map<string, { detail: unknown, client?: string, tell: () => void }>} */
  const latest = new Map()

  /** @param {string} name
   *  @param {unknown} detail
   *  @param {string} [clientId] that it is for, and for no later one */
  const tell = (name, detail, clientId) => {
    const one = latest.get(name) ?? { detail, tell: paced(Number(ms), () => dispatch()) }
    const dispatch = () => {
      if (one.client && one.client !== client.clientId) return
      const body = ofDocument(page.document, "body")
      if (body) body.dispatchEvent(new CustomEvent("pull:" + name, { bubbles: true, detail: one.detail }))
      else if (ofDocument(page.document, "readyState") === "loading") one.tell() // again, after a pause
    }
    one.detail = detail
    one.client = clientId
    latest.set(name, one)
    one.tell()
  }

  client.on("message", ({ module_id, command, params, extra }) => tell(`${module_id}:${command}`, { params, extra }, client.clientId))
  client.on("gap", () => tell("gap", null))
  client.on("status", (status) => tell("status", { status }))
}

import { ofDocument } from "./genuine.js"
import { paced } from "./paced.js"

/** Dispatches what happens on the page's body, from where it bubbles, so that markup
 *  can react to it: "pull:<module>:<command>", "pull:gap" and "pull:status". Of those
 *  with one name that come within `ms`, only the first and the last are dispatched. An
 *  event that comes before there is a body waits for it. A message that waits is dropped
 *  if the client begins again for another user.
 *
 *  "pull-client:<module>:<command>", for what another client has sent, is dispatched at
 *  once or not at all: each may be from somebody else.
 *  @param {typeof globalThis} page
 *  @param {import("./pull.js").Pull} client
 *  @param {number | string | false} [ms] default 100; false: none at all */
export function domEvents(page, client, ms = 100) {
  if (ms === false || ms === "false") return
  /** @type {Map<string, { detail: unknown, client?: string, tell: () => void }>} */
  const latest = new Map()

  /** Returns nothing if there is no body.
   *  @param {string} name
   *  @param {unknown} detail */
  const fire = (name, detail) => ofDocument(page.document, "body")?.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }))

  /** @param {string} name
   *  @param {unknown} detail
   *  @param {string} [clientId] that it is for, and for no later one */
  const tell = (name, detail, clientId) => {
    // Commands may be any text: what is not needed any more is forgotten.
    const one = latest.get(name) ?? { detail, tell: paced(Number(ms), () => dispatch(), () => latest.delete(name)) }
    const dispatch = () => {
      if (one.client && one.client !== client.clientId) return
      if (!fire(name, one.detail) && ofDocument(page.document, "readyState") === "loading") one.tell() // again, after a pause
    }
    one.detail = detail
    one.client = clientId
    latest.set(name, one)
    one.tell()
  }

  client.on("message", ({ module_id, command, params, extra }) => tell(`pull:${module_id}:${escaped(command)}`, { params, extra }, client.clientId))
  client.on("client", ({ module_id, command, params, extra }) => fire(`pull-client:${module_id}:${escaped(command)}`, { params, extra }))
  client.on("gap", () => tell("pull:gap", null))
  client.on("status", (status) => tell("pull:status", { status }))
}

/** A command in the name of an event: other letters are percent-encoded.
 *  @param {string} command */
const escaped = (command) =>
  command.replace(/[^\w.:-]+/g, (letters) => new TextEncoder().encode(letters).reduce((text, byte) => text + "%" + byte.toString(16).toUpperCase(), ""))

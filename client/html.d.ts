// What pull-html.mjs exports. With the script tag of the plugin, nothing has to be called.

import type { GrantState, Pull } from "./pull.js"

export interface ConnectOptions {
  /** Milliseconds in which events of one name on document.body are one burst, of which only the
   *  first and the last are dispatched. false: none are dispatched. Default 100. */
  domEvents?: number | false
}

/** A client that applies fragments, and that watches by grants. */
export type Connected<Client extends Pull = Pull> = Client & {
  watch(grant: string, listener?: (state: GrantState) => void): () => void
}

/** Lets a client apply fragments to this document, dispatch events on its body, and watch by
 *  grants. Defines the element pull-watch, which uses the first client that is connected. Call
 *  it before start: if the client is online already it may have missed fragments, which is a
 *  gap. Further calls with the client change nothing. */
export function connect<Client extends Pull>(pull: Client, options?: ConnectOptions): Connected<Client>

/** The element <pull-watch grant="…">: the page watches while the element is in the document.
 *  Its attribute `connected` is there while the server sends what is watched, and `stale` once
 *  something was missed or the grant is refused, until the grant changes or the page is loaded. */
export interface PullWatchElement extends HTMLElement {}

declare global {
  interface HTMLElementTagNameMap {
    "pull-watch": PullWatchElement
  }
}

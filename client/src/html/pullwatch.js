/** Makes the element <pull-watch grant="…">: the page watches the tags of the grant while
 *  the element is in the document. Its attributes show how that is: `connected`, and `stale`
 *  where something was missed or the server has refused the grant.
 *  @param {import("./connect.js").Connected} client
 *  @returns {CustomElementConstructor} */
export const pullWatch = (client) =>
  class extends HTMLElement {
    static observedAttributes = ["grant"]

    /** @type {(() => void)[]} */
    #ends = []
    #isGranted = false
    /** @type {string | null | undefined} */
    #latest

    connectedCallback() {
      const grant = this.getAttribute("grant")
      if (grant !== this.#latest) this.removeAttribute("stale") // of another grant, or of a page that a library has stored
      this.#latest = grant
      this.#use(grant)
    }

    disconnectedCallback() {
      this.#use(null)
    }

    attributeChangedCallback() {
      if (this.isConnected) this.connectedCallback()
    }

    /** A move without this would disconnect. */
    connectedMoveCallback() {}

    /** What is used from now on begins before the last ends, as it may be the same.
     *  @param {string | null} grant */
    #use(grant) {
      const ended = this.#ends
      const stale = () => this.setAttribute("stale", "")
      const show = () => this.toggleAttribute("connected", this.#isGranted && client.isConnected())
      this.#isGranted = false
      this.#ends = []
      if (grant) {
        const answered = (/** @type {import("./grants.js").State} */ state) => {
          this.#isGranted = state === "ok" || state === "gap"
          if (state !== "ok") stale()
          show()
        }
        this.#ends = [client.on("status", show), client.on("gap", stale), client.watch(grant, answered)]
      }
      ended.forEach((end) => end())
      show()
    }
  }

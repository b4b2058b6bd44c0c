"use strict"

// What the page shows is the state of an Alpine component. An event has all votes,
// so that it does not matter if the browser gets only the last of several.
document.addEventListener("alpine:init", () => Alpine.data("poll", () => ({
  status: "connecting",
  total: -1,
  votes: {},

  init() {
    this.load()
  },

  /** Events of two requests can arrive in another order than that of the votes. */
  show({ total, votes }) {
    if (total >= this.total) Object.assign(this, { total, votes })
  },

  /** Meanwhile an event may show newer votes. Before that, all are news: the server may
   *  have lost some. */
  async load() {
    this.total = -1
    const response = await fetch("/votes")
    if (!response.ok) throw new Error(response.statusText)
    this.show(await response.json())
  },

  vote(choice) {
    return fetch(`/votes/${choice}`, { method: "POST" })
  },
})))

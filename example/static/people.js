"use strict"

/** Who is online, and to whom one can write. A list may come at any time, and
 *  replaces what was known. It does not name everyone if there are many. */
page.people = new Set()
page.unnamed = 0

page.online = (command, params) => {
  if (command === "online_list") {
    page.people = new Set(Object.keys(params.USERS))
    page.unnamed = Math.max(0, params.COUNT - page.people.add(page.me).size)
  }
  if (command === "user_online") page.people.add(params.USER_ID)
  if (command === "user_offline") page.people.delete(params.USER_ID)
  page.showPeople()
  if (command !== "user_online") page.findSubscribers()
}

/** Those who can be written to when they are away: they get a notification. */
page.subscribers = []

page.findSubscribers = async () => {
  const response = await fetch("/subscribers").catch(() => null)
  if (!response?.ok) return
  page.subscribers = (await response.json()).users ?? []
  page.showPeople()
}

page.showPeople = () => {
  const names = [page.me, ...[...page.people].filter((name) => name !== page.me).sort()]
  const people = names.map((name) => element("li", name, name === page.me ? "you" : ""))
  if (page.unnamed > 0) people.push(element("li", `and ${page.unnamed} more`, ""))
  document.getElementById("people").replaceChildren(...people)
  offer(names, page.subscribers.filter((name) => !names.includes(name)))
}

/** Offers recipients. Whoever is chosen stays chosen after having left: a private
 *  message must not become one for everyone because the choice was taken away. */
function offer(names, away) {
  const to = document.getElementById("to")
  if (!to) return
  const chosen = to.value
  const people = element("optgroup", "", "")
  people.label = "only"
  people.append(...names.map((name) => new Option(name, name)))
  people.append(...away.map((name) => new Option(`${name} (away: gets a notification)`, name)))
  if (chosen && ![...names, ...away].includes(chosen)) {
    const left = new Option(page.unnamed > 0 ? chosen : `${chosen} (has left)`, chosen)
    if (page.unnamed === 0) left.dataset.left = ""
    people.append(left)
  }
  to.replaceChildren(new Option("everyone", ""), people)
  to.value = chosen
  judge(to)
}

/** Says that the chosen recipient has left, and then lets nothing be sent. */
function judge(to) {
  const left = "left" in to.selectedOptions[0].dataset
  to.setCustomValidity(left ? "Choose somebody who is here" : "")
  document.getElementById("left").textContent = left ? `${to.value} has left: nothing can be sent.` : ""
}

document.getElementById("to")?.addEventListener("change", ({ target }) => judge(target))

page.showPeople()

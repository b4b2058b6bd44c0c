"use strict"

/** What the hooks do to the page. Everything from others becomes text, never HTML. */
const page = {
  me: document.getElementById("me").textContent,
  people: new Set(),

  /** What is to be done to the list, one after the other: after a gap the list is
   *  fetched, and what arrives meanwhile is applied to what was fetched. */
  turn: Promise.resolve(),

  task(command, task) {
    page.turn = page.turn.then(() => (command === "delete" ? page.drop(task.id) : page.put(task)))
  },

  find: (id) => document.querySelector(`[data-task="${CSS.escape(id)}"]`),

  drop(id) {
    page.find(id)?.remove()
  },

  /** A task replaces what the page shows of it, so that hearing of it twice, once in
   *  the page as it came and once in an event, does no harm. */
  put({ id, title, done }) {
    const list = document.getElementById("tasks")
    if (!list || (list.dataset.only ?? id) !== id) return
    const known = page.find(id)
    const item = known ?? document.getElementById("blank").content.firstElementChild.cloneNode(true)
    item.dataset.task = id
    item.querySelector("a").href = `/tasks/${id}`
    for (const form of item.querySelectorAll("form")) form.action = `/tasks/${id}`
    item.querySelector("[name=title]").value = title
    item.querySelector(".title").textContent = title
    const box = item.querySelector("[name=done]")
    box.checked = box.defaultChecked = done
    if (!known) list.append(item)
    flash(item)
  },

  /** A watch is the user's, not the page's: another page's notes come here as well. */
  message({ from, to, at, text }) {
    if (to === "page" && at !== location.pathname) return
    const toMe = to === "user"
    const line = entry("messages", from, toMe ? "to you" : "", text)
    line?.classList.toggle("personal", toMe)
    if (to !== "page") toast(`${from}${toMe ? " to you" : ""}: ${text}`)
  },

  audit(command, { by, task }) {
    entry("audit", by, command === "delete" ? "deleted" : "saved", `${task.title}${task.done ? " ✓" : ""}`)
  },

  online(command, params) {
    if (command === "online_list") page.people = new Set(Object.keys(params.USERS))
    if (command === "user_online") page.people.add(params.USER_ID)
    if (command === "user_offline") page.people.delete(params.USER_ID)
    page.showPeople()
  },

  showPeople() {
    const names = [page.me, ...[...page.people].filter((name) => name !== page.me).sort()]
    document.getElementById("people").replaceChildren(...names.map((name) => element("li", name, name === page.me ? "you" : "")))
    const to = document.getElementById("to")
    if (!to) return
    const chosen = to.value
    const options = names.map((name) => new Option(name, name, false, name === chosen))
    to.replaceChildren(new Option("everyone", "", false, !chosen), ...options)
    to.dispatchEvent(new Event("change"))
  },

  status(status) {
    const sign = document.getElementById("status")
    sign.dataset.status = sign.textContent = status
  },

  /** The server cannot say what was missed. The page asks for all of it again. */
  gap() {
    page.turn = page.turn.then(async () => {
      const response = await fetch(location)
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html")
      const list = document.getElementById("tasks")
      list?.replaceChildren(...fresh.getElementById("tasks").children)
      toast("Something was missed: the page has been brought up to date")
    }).catch(() => toast("The page could not be brought up to date: reload it"))
  },
}

function element(name, text, className) {
  const made = document.createElement(name)
  made.textContent = text
  made.className = className
  return made
}

function entry(id, who, what, text) {
  const list = document.getElementById(id)
  if (!list) return
  const line = element("li", "", "")
  line.append(element("b", who, ""), element("i", what, ""), element("span", text, ""))
  list.prepend(line)
  while (list.children.length > 50) list.lastElementChild.remove()
  flash(line)
  return line
}

function flash(item) {
  item.classList.add("fresh")
  item.addEventListener("animationend", () => item.classList.remove("fresh"), { once: true })
}

function toast(text, className = "") {
  const shown = element("p", text, className)
  document.getElementById("toasts").append(shown)
  setTimeout(() => shown.remove(), 5000)
}

/** Sends a form. The page shows nothing by itself: it hears of what has happened
 *  like all others. */
async function send(form, button) {
  const body = new URLSearchParams(new FormData(form, button))
  const init = { method: form.dataset.send, headers: BX.PULL?.headers() }
  if (init.method !== "DELETE") init.body = body
  const response = await fetch(form.action, init).catch(() => null)
  if (response?.ok) return clear(form)
  if (form.closest(".task")) form.reset() // the tick that nobody else has seen
  const problem = await response?.json().catch(() => null)
  toast(response ? `${response.status}: ${problem?.message ?? response.statusText}` : "The server is out of reach", "error")
}

function clear(form) {
  for (const written of form.querySelectorAll("[name=text], [name=title]:not([type=hidden])")) written.value = ""
}

document.addEventListener("submit", (event) => {
  if (!event.target.dataset.send) return
  event.preventDefault()
  send(event.target, event.submitter)
})

document.addEventListener("change", (event) => {
  if (event.target.name === "done") event.target.form.requestSubmit()
})

document.getElementById("to")?.addEventListener("change", ({ target }) => {
  target.form.elements.namedItem("at").value = target.value
  target.form.querySelector("[name=to]").value = target.value ? "user" : "everyone"
})

document.getElementById("leave").addEventListener("click", () => {
  document.cookie = "name=; path=/; Max-Age=0; SameSite=Lax"
  location.assign("/")
})

document.querySelector(`nav a[href="${CSS.escape(location.pathname)}"]`)?.setAttribute("aria-current", "page")

// The server has let us watch the page's address, and this keeps it so.
BX.PULL.extendWatch(location.pathname)
page.showPeople()

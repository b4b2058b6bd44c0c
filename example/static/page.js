// @ts-check
"use strict"

/** What the hooks do to the page. Everything from others becomes text, never HTML. */
const page = {
  me: document.getElementById("me").textContent,

  /** What is to be done to the list, one after the other: after a gap the list is
   *  fetched, and what arrives meanwhile is applied to what was fetched. */
  turn: Promise.resolve(),

  /** @param {string} command
   *  @param {PullEvents["tasks:save"]} task */
  task(command, task) {
    page.turn = page.turn.then(() => {
      if (!page.isNews(task)) return
      if (command === "delete") page.drop(task.id)
      else page.put(task)
    })
  },

  /** The page shows every change up to this revision of the list, and of those after
   *  it the early ones: which task each changed. */
  revision: Number(document.getElementById("tasks")?.dataset.revision),
  early: new Map(),
  expected: 0,

  /** Whether the list does not show a change yet. The events of two nodes can arrive
   *  in another order than that of their changes. One that does not arrive at all was
   *  lost with its node: then the list is fetched. If the store has no revisions,
   *  events arrive in the order of the changes and none is lost.
   *  @param {PullEvents["tasks:save"]} task */
  isNews({ id, revision }) {
    if (!revision || Number.isNaN(page.revision)) return true
    if (revision <= page.revision || page.early.has(revision)) return false
    const overtaken = [...page.early].some(([other, its]) => its === id && other > revision)
    page.early.set(revision, id)
    while (page.early.delete(page.revision + 1)) page.revision++
    if (page.early.size) page.expect(page.revision + 1)
    return !overtaken
  },

  /** Fetches the list if a revision is still missing after a while. */
  expect(revision) {
    if (page.expected === revision) return
    page.expected = revision
    setTimeout(() => {
      page.expected = 0
      if (page.revision < revision) page.gap()
    }, 3_000)
  },

  /** A new item of the list. */
  blank: () => /** @type {any} */ (document.getElementById("blank")).content.firstElementChild.cloneNode(true),

  find: (id) => document.querySelector(`[data-task="${CSS.escape(id)}"]`),

  /** The focus of a task that disappears goes to the same control of the next task,
   *  else of the previous one, else to what comes after the last task. */
  drop(id) {
    const item = page.find(id)
    if (!item) return
    const focused = controls(item).indexOf(document.activeElement)
    const neighbour = item.nextElementSibling ?? item.previousElementSibling
    item.remove()
    if (focused >= 0) (neighbour ? controls(neighbour)[focused] : document.getElementById("after"))?.focus()
  },

  /** A task replaces what the page shows of it, so that hearing of it twice, once in
   *  the page as it came and once in an event, does no harm.
   *  @param {Pick<PullEvents["tasks:save"], "id" | "title" | "done">} task */
  put({ id, title, done }) {
    const list = document.getElementById("tasks")
    if (!list || (list.dataset.single ?? id) !== id) return
    const known = page.find(id)
    const item = known ?? page.blank()
    item.dataset.task = id
    for (const form of item.querySelectorAll("form")) form.action = `/tasks/${id}`
    item.querySelector("a").href = `/tasks/${id}`
    for (const control of item.querySelectorAll("[aria-label]")) control.setAttribute("aria-label", `${control.title} ${title}`)
    item.querySelector("[name=title]").value = title
    item.querySelector(".title").textContent = title
    const box = item.querySelector("[name=done]")
    box.checked = box.defaultChecked = done
    if (!known) list.insertBefore(item, items(list).find((other) => other.dataset.task > id) ?? null)
    flash(item)
  },

  /** A watch is the user's, not the page's: another page's notes come here as well.
   *  A private message comes to all pages of both: of the recipient and of the sender.
   *  @param {PullEvents["im:message"]} message */
  message({ from, to, at, text }) {
    if (to === "page" && at !== location.pathname) return
    const whom = to !== "user" ? "" : at === page.me ? "to you" : `to ${at}`
    const line = entry("messages", from, whom, text)
    line?.classList.toggle("personal", to === "user")
    if (to !== "page" && from !== page.me) toast(`${from} ${whom}`.trim() + `: ${text}`)
    if (to === "user" && from !== page.me) page.read(from)
  },

  /** @param {string} command
   *  @param {PullEvents["audit:save"]} change */
  audit(command, { by, task }) {
    entry("audit", by, command === "delete" ? "deleted" : "saved", `${task.title}${task.done ? " ✓" : ""}`)
  },

  status(status) {
    const sign = document.getElementById("status")
    sign.dataset.status = sign.textContent = status
  },

  /** The server cannot say what was missed. The page asks for all of it again, and
   *  by that for its watch, too. */
  gap() {
    page.turn = page.turn.then(async () => {
      const response = await fetch(location.href)
      if (!response.ok && response.status !== 404) throw new Error(response.statusText)
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html")
      const tasks = items(fresh.getElementById("tasks")).map(shown)
      page.revision = Number(fresh.getElementById("tasks")?.dataset.revision)
      page.early.clear()
      const ids = new Set(tasks.map(({ id }) => id))
      for (const item of items(document.getElementById("tasks"))) {
        if (!ids.has(item.dataset.task)) page.drop(item.dataset.task)
      }
      tasks.forEach(page.put)
      toast("Something was missed: the page has been brought up to date")
    }).catch(() => toast("The page could not be brought up to date: reload it", "error"))
  },
}

/** The items of the list of tasks, if the page has one.
 *  @returns {any[]} */
function items(list) {
  return [...(list?.querySelectorAll("[data-task]") ?? [])]
}

/** The task that an item of the list shows. */
function shown(item) {
  return {
    id: item.dataset.task,
    title: item.querySelector("[name=title]").value,
    done: item.querySelector("[name=done]").defaultChecked,
  }
}

function controls(item) {
  return [...item.querySelectorAll("input:not([type=hidden]), a, button")]
}

function element(name, text, className) {
  const made = document.createElement(name)
  made.textContent = text
  made.className = className
  return made
}

/** Adds a line to a list, which the keyboard can scroll from then on. */
function entry(id, who, what, text) {
  const list = document.getElementById(id)
  if (!list) return
  const line = element("li", "", "")
  line.append(element("b", who, ""), element("i", what, ""), element("span", text, ""))
  list.prepend(line)
  list.tabIndex = 0
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
  setTimeout(() => shown.remove(), className ? 10_000 : 5_000)
}

document.querySelector(`nav a[href="${CSS.escape(location.pathname)}"]`)?.setAttribute("aria-current", "page")

// The server has let us watch the page's address, and this keeps it so.
BX.PULL.extendWatch(location.pathname)

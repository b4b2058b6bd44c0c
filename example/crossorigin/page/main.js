import { Pull } from "echo-pull"

const api = import.meta.env.VITE_API ?? "http://localhost:8080"
const find = (selector) => document.querySelector(selector)

let login = JSON.parse(sessionStorage.getItem("login")) // user, token, and when it expires

function keep(next) {
  login = next
  sessionStorage.setItem("login", JSON.stringify(login))
}

async function request(path, { token, form } = {}) {
  const headers = token && { Authorization: `Bearer ${token}` }
  const response = await fetch(api + path, { method: form ? "POST" : "GET", headers, body: form && new URLSearchParams(form) })
  if (!response.ok) throw new Error(`${path}: ${response.status}`)
  return response
}

/** The token, and a new one in its last half minute. */
async function token() {
  if (login.expires - Date.now() < 30_000) keep(await (await request("/api/token", { token: login.token, form: {} })).json())
  return login.token
}

const call = async (path, form) => request(path, { token: await token(), form })

function add(text) {
  find("ul").append(Object.assign(document.createElement("li"), { textContent: text }))
}

/** Shows the notes, and returns the cursor of the events after them. */
async function load() {
  const response = await call("/api/notes")
  find("ul").replaceChildren()
  ;((await response.json()) ?? []).forEach(add)
  return response.headers.get("Pull-Cursor")
}

function leave() {
  sessionStorage.removeItem("login")
  location.reload()
}

async function begin() {
  const cursor = await load()
  const pull = new Pull({ url: `${api}/pull`, cursor, user: login.user, token })
  pull.subscribe({ moduleId: "notes", command: "add", callback: ({ text }) => add(text) })
  pull.on("gap", load)
  pull.on("status", (status) => (find("p").textContent = status))
  pull.on("session", leave) // the login is over
  find("#logout").onclick = () => call("/api/logout", {})
  find("#login").hidden = true
  find("main").hidden = false
  await pull.start()
}

find("#login").onsubmit = async (event) => {
  event.preventDefault()
  keep(await (await request("/login", { form: { name: find("[name=name]").value } })).json())
  await begin()
}
find("#note").onsubmit = async (event) => {
  event.preventDefault()
  await call("/api/notes", { text: find("[name=text]").value })
}
if (login) begin().catch(leave)

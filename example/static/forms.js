"use strict"

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

// A message is for the one whom the form shows when it is sent.
document.getElementById("to")?.form.addEventListener("formdata", ({ formData }) => {
  formData.set("to", formData.get("at") ? "user" : "everyone")
})

document.getElementById("leave").addEventListener("click", async () => {
  await BX.PULL.push.disable().catch(() => {}) // what is left of them ends on the login page
  document.cookie = "name=; path=/; Max-Age=0; SameSite=Lax"
  location.assign("/")
})

"use strict"

// Notifications end with the login, also where that has only expired.
if (globalThis.Notification?.permission === "granted") BX.PULL.push.state().catch(() => {})

document.getElementById("login").addEventListener("submit", (event) => {
  event.preventDefault()
  const name = new FormData(event.target).get("name").trim()
  if (!name) return
  document.cookie = `name=${encodeURIComponent(name)}; path=/; SameSite=Lax`
  location.reload()
})

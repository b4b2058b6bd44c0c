"use strict"

document.getElementById("login").addEventListener("submit", (event) => {
  event.preventDefault()
  const name = new FormData(event.target).get("name").trim()
  if (!name) return
  document.cookie = `name=${encodeURIComponent(name)}; path=/; SameSite=Lax`
  location.reload()
})

"use strict"

/** The bell turns notifications on and off, for this user in this browser. */
{
  const bell = document.getElementById("bell")
  const note = document.getElementById("bell-note")
  const { push } = BX.PULL
  let state = ""

  const why = {
    denied: "You have forbidden notifications in the settings of the browser.",
    unsupported: "This browser cannot get notifications here.",
    gesture: "The browser asks for permission only after a click.",
    timeout: "The browser cannot reach its push service.",
    refused: "The server does not accept this browser.",
    failed: "That did not work: try it again.",
  }

  /** Also moves the notifications of a user who was here before to this one. */
  const show = async () => {
    state = await push.state().catch(() => "unsupported")
    bell.textContent = state === "on" ? "Turn off notifications" : "Turn on notifications"
    bell.setAttribute("aria-disabled", state in why)
    note.textContent = why[state] ?? ""
  }

  const change = async () => {
    bell.setAttribute("aria-busy", true)
    const failure = await (state === "on" ? push.disable() : push.enable()).then(() => "", (error) => error.code)
    await show()
    bell.setAttribute("aria-busy", false)
    if (failure) note.textContent = why[failure] ?? failure
  }

  bell.addEventListener("click", () => {
    if (state && !(state in why) && bell.getAttribute("aria-busy") !== "true") change()
  })
  show()
}

/** Whose messages the user has not seen yet, because the page is hidden. */
page.unread = new Set()

/** A message on a page that is looked at is read: there will be no notification, and
 *  those of the sender disappear on all devices. Notifications have the sender's name
 *  as their tag. */
page.read = (...senders) => {
  for (const sender of senders) page.unread.add(sender)
  if (document.hidden) return
  for (const tag of page.unread) BX.PULL.read(tag)
  page.unread.clear()
}

document.addEventListener("visibilitychange", () => page.read())

// A click on a notification has opened this page, to reply.
{
  const to = new URLSearchParams(location.search).get("to")
  if (to) page.read(to)
}

// A click on a notification has found this page: it shows the message, so it stays.
document.addEventListener("pull:push", (event) => {
  const to = document.getElementById("to")
  if (!to) return
  event.preventDefault()
  const sender = event.detail.tag
  to.add(new Option(sender, sender, true, true))
  page.showPeople()
  page.read(sender)
})

// Shows who is writing to those who look at this page, and shows them that we are.

import { typing } from "/pull/pull-typing.mjs"

const note = document.getElementById("typing")
const field = document.querySelector("[name=text]")

const own = typing(BX.PULL, {
  target: { tag: location.pathname },
  module: "im",
  onChange(users) {
    if (note) note.textContent = users.length ? `${users.join(", ")} ${users.length > 1 ? "are" : "is"} typing …` : ""
  },
})

// A message to one person is nobody else's business.
field?.addEventListener("input", () => document.getElementById("to")?.value || own.type())
field?.form.addEventListener("submit", own.stop)
document.getElementById("to")?.addEventListener("change", own.stop)

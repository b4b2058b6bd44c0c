// Nothing runs here: tsc checks hooks of BX and events of the DOM.

import type { BXNames } from "../../../pull.js"
import type { Task } from "./pullevents.js"

declare const BX: BXNames

BX.addCustomEvent("onPullEvent-tasks", (command, params, extra) => {
  if (command === "update") params.title.trim()
  else params.by.trim()
  extra.server_time_ago.toFixed()
  // @ts-expect-error the module has no such command
  command === "archive"
})
BX.addCustomEvent("onPullEvent-tasks", (command, params) => {
  if (command === "update") params.title.trim()
  // @ts-expect-error not before the command is known
  params.title
})
BX.addCustomEvent(window, "onPullEvent-tasks", (command, params) => {
  if (command === "delete") params.by.trim()
})
BX.addCustomEvent("onPullEvent-tasks", (command) => command === "delete")
BX.addCustomEvent(window, "onPullEvent-tasks", (command, params) => command === "delete" && params.by.trim())
BX.addCustomEvent("onPullEvent-blog", (command, params) => params[command].anything)
BX.addCustomEvent("onPull-tasks", (data) => data.command === "update" && data.params.title.trim())
BX.addCustomEvent("onPullEvent", (module, command, params) => [module, command, params.anything])
BX.addCustomEvent("onPullError", (code) => code === "AUTHORIZE_ERROR")
BX.addCustomEvent("somethingElse", (a, b) => a + b)
// @ts-expect-error a hook needs a handler
BX.addCustomEvent("onPullEvent-tasks", 7)

document.body.addEventListener("pull:tasks:update", (event) => {
  const task: Task = event.detail.params
  // @ts-expect-error a Task has no by
  event.detail.params.by
  return [task, event.detail.extra.server_time_ago.toFixed()]
})
document.addEventListener("pull:im:message", (event) => event.detail.params.text.trim())
window.addEventListener("pull:tasks:delete", ({ detail }) => detail.params.by.trim())
window.addEventListener("pull:status", ({ detail }) => detail.status === "online")
document.body.addEventListener("pull:gap", () => location.reload())
document.addEventListener("pull:push", (event) => event.detail.url.trim())
document.body.addEventListener("pull:blog:post", (event) => event.preventDefault())
document.querySelector("div")?.addEventListener("click", (event) => event.clientX)

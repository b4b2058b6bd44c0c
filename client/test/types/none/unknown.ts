// Nothing runs here: tsc checks that an application without declared events can use everything.

import type { BXNames, Pull } from "../../../pull.js"

declare const pull: Pull
declare const BX: BXNames

pull.subscribe({ moduleId: "tasks", command: "update", callback: (params, extra, command) => [params.ID, extra.server_time_ago.toFixed(), command.trim()] })
pull.subscribe({ moduleId: "tasks", callback: ({ command, params }) => command === "update" && params.ID })
pull.subscribe({ moduleId: "tasks", command: "update", callback: (task: { ID: number }) => task.ID.toFixed() })
pull.subscribe({ type: "status", callback: ({ status }) => status === "online" })
pull.subscribe({ getModuleId: () => "tasks", handleUpdate(params: { ID: number }) { return params.ID } })
pull.on("message", (message) => [message.module_id.trim(), message.command.trim(), message.params.ID, message.id?.toFixed()])
BX.addCustomEvent("onPullEvent-tasks", (command, params) => [command.trim(), params.ID])
document.body.addEventListener("pull:tasks:update", (event) => event.type)
document.body.addEventListener("pull:gap", (event) => event.detail)

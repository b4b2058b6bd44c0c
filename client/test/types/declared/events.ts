// Nothing runs here: tsc checks that the events of an application type every callback.

import { Pull, type Message, type Options } from "../../../pull.js"
import type { Task } from "./pullevents.js"

/** Compiles only if the two types are the same; any is the same as nothing else. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_: Same<A, B>) => {}

declare const pull: Pull
declare const options: Options

// The cursor of a page that was rendered without one.
same<typeof pull.cursor, string | null>(true)
new Pull({ ...options, cursor: pull.cursor })
// @ts-expect-error a cursor may be null
pull.cursor.length

// One command.
pull.subscribe({
  moduleId: "tasks",
  command: "update",
  callback(params, extra, command, about) {
    same<typeof params, Task>(true)
    same<typeof command, "update">(true)
    same<typeof extra.server_time_ago, number>(true)
    same<typeof about.moduleId, string>(true)
    // @ts-expect-error a Task has no by
    params.by
  },
})
pull.subscribe({ callback: (params) => params.title.trim(), type: "server", moduleId: "TASKS", command: "update" })
pull.subscribe({ moduleId: "im", command: "read-all", callback: (params) => same<typeof params, {}>(true) })

// What is not declared stays usable.
pull.subscribe({ moduleId: "blog", command: "post", callback: (params) => same<typeof params, any>(true) })
pull.subscribe({ moduleId: "tasks", command: "archive", callback: (params) => same<typeof params, any>(true) })
const name: string = "tasks"
pull.subscribe({ moduleId: name, command: "update", callback: (params) => same<typeof params, any>(true) })
pull.subscribe<Task>({ moduleId: "blog", command: "task", callback: (params) => same<typeof params, Task>(true) })

// All commands of a module.
pull.subscribe({
  moduleId: "tasks",
  callback({ command, params, extra }, about) {
    same<typeof about.type, "server" | "client">(true)
    same<typeof extra.sender.type, number>(true)
    if (command === "delete") params.by.trim()
    else params.title.trim()
    // @ts-expect-error not before the command is known
    params.title
    // @ts-expect-error the module has no such command
    command === "archive"
  },
})
pull.subscribe({ moduleId: "blog", callback: ({ command, params }) => same<[typeof command, typeof params], [string, any]>(true) })
pull.subscribe({ moduleId: "tasks", callback: (data: { command: string; params: any }) => data.params.anything })

// The other forms.
pull.subscribe({ type: "status", callback: ({ status }) => same<typeof status, "connect" | "online" | "offline">(true) })
pull.subscribe({ type: "online", callback: ({ command }, { type }) => same<[typeof command, typeof type], [string, "online"]>(true) })
pull.subscribe({ type: "client", moduleId: "tasks", command: "update", callback: (params) => same<typeof params, any>(true) })
pull.subscribe({ type: "client", moduleId: "tasks", callback: ({ params }) => same<typeof params, any>(true) })
pull.subscribe({
  getModuleId: () => "tasks",
  handleUpdate(params, extra, command) {
    same<typeof params, Task>(true)
    same<typeof command, "update">(true)
    same<typeof extra.server_time_ago, number>(true)
  },
})
class Blog {
  getModuleId() {
    return "blog"
  }
  handlePost(params: { title: string }) {
    return params
  }
}
pull.subscribe(new Blog())
// @ts-expect-error a callback is missing
pull.subscribe({ moduleId: "tasks", command: "update" })
// @ts-expect-error a module is missing
pull.subscribe({ command: "update", callback() {} })

// on.
pull.on("message", (message) => {
  if (message.module_id === "tasks" && message.command === "update") same<typeof message.params, Task>(true)
  same<typeof message.id, number | undefined>(true)
})
pull.on("message", (message: Message) => same<typeof message.params, any>(true))
pull.on("status", (status) => same<typeof status, "connect" | "online" | "offline">(true))
pull.on("error", (code, reason) => same<[typeof code, typeof reason], ["AUTHORIZE_ERROR" | "CONNECT_ERROR" | "WATCH_ERROR" | "MESSAGE_ERROR" | "RENDER_ERROR", string]>(true))
pull.on("gap", () => {})
// @ts-expect-error no such name
pull.on("gaps", () => {})

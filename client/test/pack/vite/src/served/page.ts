import { Pull } from "./pull.mjs"

new Pull({ url: "/pull" }).subscribe({ moduleId: "tasks", command: "update", callback: (task) => task.title.trim() })

// Nothing runs here: tsc checks that the events of an application type the callbacks of components.

import type { Pull } from "../../../pull.js"
import * as react from "../../../react.js"
import * as vue from "../../../vue.js"

for (const { usePullEvent, usePresence } of [react, vue]) {
  usePullEvent("tasks", "update", (params, extra) => {
    params.title.trim()
    extra.server_time_ago.toFixed()
    // @ts-expect-error a Task has no by
    params.by
  })
  usePullEvent("tasks", (event) => (event.command === "update" ? event.params.title.trim() : event.params.by.trim()))
  usePullEvent("blog", "post", (params) => params.anything)
  usePullEvent("blog", ({ command, params }) => params[command].anything)
  // @ts-expect-error a command is text
  usePullEvent("tasks", 7, () => {})
  usePresence(["7", 8])
  usePresence("7")
}

// @ts-expect-error undefined until it is known
react.usePresence(["7"])["7"].isOnline
vue.usePresence(() => ["7"]).value["7"]?.lastSeen?.getTime()
// @ts-expect-error it is the client's
vue.usePullStatus().value = "online"
const client: Pull | null = react.usePull() ?? vue.usePull()
client?.stop()

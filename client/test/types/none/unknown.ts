// Nothing runs here: tsc checks that an application without declared events can use everything.

import type { BXNames, Options, Pull, SendError } from "../../../pull.js"
import { FakePull } from "../../../testing.js"
import { typing } from "../../../typing.js"

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
document.body.addEventListener("pull-client:im:typing", (event) => [event.detail.params.on, event.detail.extra.sender.id])

pull.subscribe({ type: "client", moduleId: "im", command: "typing", callback: (params, { sender }) => [params.on, sender.id] })
pull.subscribe({ type: "client", moduleId: "im", callback: ({ command, params }) => [command.trim(), params.on] })
BX.addCustomEvent("onPullClientEvent-im", (command, params, extra) => [command, params, extra])
const sent: Promise<void> = pull.send("7", "im", "typing")
pull.send([7, "8"], "im", "typing", { on: true }, { expiry: 5 }).catch(({ code }: SendError) => code === "limit")
pull.send({ tag: "TASK_7" }, "im", "typing")
// @ts-expect-error everyone is no target
pull.send({}, "im", "typing")
BX.PULL.sendMessage([7], "im", "typing", {}, 30).then(() => sent)

const { type, stop, close } = typing(pull, { target: { tag: "TASK_7" }, module: "im", onChange: (users) => users.join() })
type()
stop()
close()

const fake = new FakePull()
fake.client("7", "im", "typing", { on: true })
fake.sending = "busy"
fake.sent.map(({ target, params }) => [target, params])

const logins: Options[] = [
  { url: () => new URL("https://api.example/pull"), token: () => localStorage.getItem("token"), credentials: "include" },
  { url: () => "/pull", token: async () => "token", headers: async () => ({ "X-Tenant": "7" }) },
  { url: "/pull", token: null, headers: () => ({ "X-Tenant": "7" }), user: "", shared: true },
  { url: "/pull", headers: { "X-Tenant": "7" } },
  // @ts-expect-error a token is a function, so that each connection has the token of its time
  { url: "/pull", token: "token" },
]
pull.on("session", () => pull.start())
pull.on("client", ({ module_id, command, extra }) => [module_id.trim(), command.trim(), extra.sender.type === 1])
logins.map(({ shared }) => shared && pull.getDebugInfo().transport === "ticket")

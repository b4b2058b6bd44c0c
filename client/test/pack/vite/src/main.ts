import { Pull } from "echo-pull"
import { follow } from "./tasks.js"

const { cursor, user, extend } = document.body.dataset
const pull = new Pull({ url: "/pull", cursor, user, extendEvery: extend, credentials: undefined })
follow(pull, new Map(), () => location.reload())
pull.subscribe({
  moduleId: "tasks",
  command: "update",
  callback(task) {
    document.title = task.title
    // @ts-expect-error a task has no such field
    document.title = task.name
  },
})
document.body.addEventListener("pull:tasks:update", (event) => console.log(event.detail.params.title))
await pull.start()

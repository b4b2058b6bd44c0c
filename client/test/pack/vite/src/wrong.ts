import { FakePull } from "echo-pull/testing"

const pull = new FakePull()
// @ts-expect-error a task has a title
pull.event("tasks", "update", { id: 7 })
pull.event("blog", "post", { anything: true })

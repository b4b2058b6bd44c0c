import echoPull = require("echo-pull")
import testing = require("echo-pull/testing")

const pull: echoPull.Pull = new testing.FakePull()
const cursor: string | null = pull.cursor
new echoPull.Pull({ url: null, cursor }).subscribe({ moduleId: "tasks", command: "update", callback: (task) => task.title.trim() })

const assert = require("node:assert/strict")

/** What an application does with the package. It prints what has arrived. */
exports.check = (Pull, FakePull) => {
  assert.equal(new Pull({ url: "https://shop.example/pull" }).cursor, null)
  const pull = new FakePull()
  pull.subscribe({ moduleId: "tasks", command: "update", callback: (params) => console.log(params.ID) })
  pull.event("tasks", "update", { ID: 7 })
}

import assert from "node:assert/strict"
import { test } from "node:test"
import { EventStream } from "../src/eventstream.js"

const parts = [": heartbeat", "", "id: e.7", "data: [1,", "data:2]", "", "event: close", 'data: {"code":1012}', "", "retry: 5", "", ""]
const want = [
  { event: "", data: "[1,\n2]" },
  { event: "close", data: '{"code":1012}' },
]

for (const [name, newline] of Object.entries({ LF: "\n", CRLF: "\r\n" })) {
  const text = parts.join(newline)

  test(`${name}: events survive every split into two chunks`, () => {
    for (let at = 0; at <= text.length; at++) {
      const stream = new EventStream()
      assert.deepEqual([...stream.push(text.slice(0, at)), ...stream.push(text.slice(at))], want, `split at ${at}`)
    }
  })

  test(`${name}: events survive arriving letter by letter`, () => {
    const stream = new EventStream()
    assert.deepEqual([...text].flatMap((letter) => stream.push(letter)), want)
  })
}

test("an unfinished event is not told", () => {
  assert.deepEqual(new EventStream().push("data: 1\n"), [])
})

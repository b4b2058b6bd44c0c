import { usePullEvent, usePullGap, usePullStatus } from "echo-pull/react"
import { useEffect, useRef, useState } from "react"
import { request } from "./session.js"

const put = (tasks, task) => [...tasks.filter(({ ID }) => ID !== task.ID), task]

export function Tasks() {
  const [tasks, setTasks] = useState([])
  const status = usePullStatus()
  const meanwhile = useRef(null) // events that arrive while the tasks are fetched

  async function load() {
    const events = (meanwhile.current = [])
    const fetched = await (await request("/tasks")).json()
    if (meanwhile.current !== events) return // a later load will finish
    meanwhile.current = null
    setTasks(events.reduce(put, fetched))
  }

  usePullEvent("tasks", "add", (task) => {
    meanwhile.current?.push(task)
    setTasks((shown) => put(shown, task))
  })
  usePullGap(load)
  useEffect(() => void load(), [])

  return (
    <>
      <form action={(form) => request("/tasks", form)}><input name="title" required /><button>Add</button></form>
      <ul>{tasks.map(({ ID, Title }) => <li key={ID}>{Title}</li>)}</ul>
      <p>{status}</p>
    </>
  )
}

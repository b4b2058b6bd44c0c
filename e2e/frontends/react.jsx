// The page of the tests of echo-pull/react. They call show, and look at what it shows.

import { Pull } from "echo-pull"
import { PullProvider, usePresence, usePullEvent, usePullGap, usePullStatus } from "echo-pull/react"
import { FakePull } from "echo-pull/testing"
import { StrictMode, startTransition, useLayoutEffect, useState } from "react"
import { createRoot, hydrateRoot } from "react-dom/client"
import { renderToString } from "react-dom/server"

const pull = new Pull({ url: "/pull" })
const subscribe = pull.subscribe.bind(pull)
pull.subscribe = (form) => {
  subscriptions++
  return subscribe(form)
}
let subscriptions = 0

function Numbers({ id }) {
  const [numbers, setNumbers] = useState([])
  usePullEvent("test", "n", ({ n }) => setNumbers((before) => [...before, n]))
  return <p id={id}>{numbers.join()}</p>
}

function Commands() {
  const [last, setLast] = useState("")
  usePullEvent("test", ({ command, params }) => setLast(`${command} ${params.n}`))
  return <p id="a">{last}</p>
}

/** What the callback knows is what was rendered last. */
function Counting() {
  const [count, setCount] = useState(0)
  usePullEvent("test", "n", ({ n }) => setCount(count + n))
  return <p id="a">{count}</p>
}

function Gaps() {
  const [gaps, setGaps] = useState(0)
  usePullGap(() => setGaps(gaps + 1))
  return <p id="a">{gaps}</p>
}

function Status({ id }) {
  return <p id={id}>{usePullStatus()}</p>
}

function People({ ids }) {
  const people = usePresence(ids)
  const texts = ids.map((id) => (people[id] ? `${id} ${people[id].isOnline ? "is here" : people[id].lastSeen ? "was here" : "was never here"}` : "?"))
  return <p id="a">{texts.join(", ")}</p>
}

const views = {
  nothing: null,
  numbers: <><Numbers id="a" /><Numbers id="b" /></>,
  other: <Numbers key="other" id="c" />,
  commands: <Commands />,
  counting: <Counting />,
  gaps: <Gaps />,
  status: <><Status id="a" /><Status id="b" /></>,
  bob: <People ids={["bob", "eve"]} />,
  nobody: <People ids={[]} />,
}

const app = (view, value = pull) => <StrictMode><PullProvider value={value}>{view}</PullProvider></StrictMode>

const div = document.body.appendChild(document.createElement("div"))
let root

function show(view) {
  root ??= createRoot(div)
  root.render(app(views[view]))
}

const fake = new FakePull()

/** As a test of an application does. */
function showFake(view) {
  root ??= createRoot(div)
  root.render(app(views[view], fake))
}

/** Another user has logged in. */
function relogin(view) {
  window.pull = new Pull({ url: "/pull" })
  root.render(app(views[view], window.pull))
}

/** What a server has rendered is made alive: a mismatch is an error in the console. */
function hydrate(view) {
  div.innerHTML = renderToString(app(views[view], null))
  root = hydrateRoot(div, app(views[view]))
}

/** Renders many components as a transition, one slower than a frame each, while the status
 *  changes. Resolves with the different things that one rendering has shown. */
function tear() {
  let status = "online"
  const client = { ...nothing, isConnected: () => true, on: (name, call) => (name === "status" && (listeners.add(call)), () => listeners.delete(call)) }
  const listeners = new Set()
  const change = () => {
    status = "offline"
    for (const call of [...listeners]) call(status)
  }
  return new Promise((resolve) => {
    let rendered = 0
    function Slow() {
      const shown = usePullStatus()
      for (const end = performance.now() + 20; performance.now() < end; );
      if (++rendered === 10) setTimeout(change)
      return <i>{shown}</i>
    }
    function All() {
      const [are, setAre] = useState(false)
      useLayoutEffect(() => {
        if (are) resolve([...new Set([...div.querySelectorAll("i")].map((one) => one.textContent))].join())
        else startTransition(() => setAre(true))
      }, [are])
      return are && Array.from({ length: 40 }, (_, i) => <Slow key={i} />)
    }
    createRoot(div).render(<PullProvider value={client}><All /></PullProvider>)
  })
}

const nothing = { start() {}, stop() {}, subscribe: () => () => {} }

Object.assign(window, { pull, old: pull, show, relogin, hydrate, tear, fake, showFake, subscribed: () => subscriptions })

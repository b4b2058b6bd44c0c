// The page of the tests of echo-pull/vue. They call show, and look at what it shows.

import { Pull } from "echo-pull"
import { pullKey, usePresence, usePullEvent, usePullGap, usePullStatus } from "echo-pull/vue"
import { createApp, createSSRApp, h, ref, shallowRef } from "vue"
import { renderToString } from "vue/server-renderer"

const Numbers = {
  props: ["id"],
  setup(props) {
    const numbers = ref([])
    usePullEvent("test", "n", ({ n }) => numbers.value.push(n))
    return () => h("p", { id: props.id }, numbers.value.join())
  },
}

const Commands = {
  setup() {
    const last = ref("")
    usePullEvent("test", ({ command, params }) => (last.value = `${command} ${params.n}`))
    return () => h("p", { id: "a" }, last.value)
  },
}

const Gaps = {
  setup() {
    const gaps = ref(0)
    usePullGap(() => gaps.value++)
    return () => h("p", { id: "a" }, gaps.value)
  },
}

const Status = {
  props: ["id"],
  setup(props) {
    const status = usePullStatus()
    return () => h("p", { id: props.id }, status.value)
  },
}

const ids = ref([])
const People = {
  setup() {
    const people = usePresence(ids)
    const text = (id) => {
      const person = people.value[id]
      return person ? `${id} ${person.isOnline ? "is here" : person.lastSeen ? "was here" : "was never here"}` : "?"
    }
    return () => h("p", { id: "a" }, ids.value.map(text).join(", "))
  },
}

const views = {
  nothing: () => [],
  numbers: () => [h(Numbers, { id: "a" }), h(Numbers, { id: "b" })],
  other: () => [h(Numbers, { id: "c", key: "c" })],
  commands: () => [h(Commands)],
  gaps: () => [h(Gaps)],
  status: () => [h(Status, { id: "a" }), h(Status, { id: "b" })],
  bob: () => [h(People)],
  nobody: () => [h(People)],
}

const pull = ref(new Pull({ url: "/pull" })) // a proxy, as in an application that forgets shallowRef
const view = shallowRef("nothing")
const App = { render: () => views[view.value]() }

const div = document.body.appendChild(document.createElement("div"))
let app

function show(name) {
  ids.value = name === "bob" ? ["bob", "eve"] : []
  view.value = name
  if (app) return
  app = createApp(App).provide(pullKey, pull.value)
  app.mount(div)
}

async function hydrate(name) {
  view.value = name
  div.innerHTML = await renderToString(createSSRApp(App).provide(pullKey, null))
  app = createSSRApp(App).provide(pullKey, pull.value)
  app.mount(div)
}

Object.assign(window, { pull: pull.value.__v_raw, show, hydrate })

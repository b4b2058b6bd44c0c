// Stands in for Datastar in tests: its releases are not on npm. This is written from
// its documentation and does only what the recipe's page uses, in the same way:
// signals, data-bind, data-on, data-init, data-effect, @get and @post, streams that end
// or break, Last-Event-ID. It throws at everything else.
// With DATASTAR=path/to/datastar.js the test runs the real one.

const signals = {}
const effects = new Set()

function evaluate(expression, names = {}) {
  const body = expression.replace(/@(\w+)\(/g, "actions.$1(").replace(/\$(\w+)/g, "signals.$1")
  return Function("actions", "signals", ...Object.keys(names), `return (${body})`)(actions, signals, ...Object.values(names))
}

function patchSignals(patch) {
  const changed = Object.keys(patch).filter((name) => signals[name] !== patch[name])
  Object.assign(signals, patch)
  if (changed.length) for (const effect of effects) effect()
}

const modes = {
  outer: (target, fragment) => target.replaceWith(fragment), // Datastar morphs
  inner: (target, fragment) => target.replaceChildren(fragment),
  append: (target, fragment) => target.append(fragment),
  remove: (target) => target.remove(),
}

function patchElements({ selector, mode = "outer", elements = "" }) {
  if (!modes[mode]) throw new Error(`this stand-in does not know the mode ${mode}`)
  const template = document.createElement("template")
  template.innerHTML = elements
  for (const target of document.querySelectorAll(selector ?? `#${template.content.firstElementChild.id}`)) {
    modes[mode](target, template.content.cloneNode(true))
  }
}

const handlers = {
  "datastar-patch-elements": patchElements,
  "datastar-patch-signals": ({ signals }) => patchSignals(JSON.parse(signals)),
}

/** The fields of one event of a stream; several lines of data with one key are one value. */
function parse(text) {
  const event = { type: "", args: {} }
  for (const line of text.split("\n")) {
    const [, field, value] = line.match(/^(\w*): ?(.*)$/)
    if (field === "id") event.id = value
    if (field === "event") event.type = value
    if (field !== "data") continue
    const [, key, part] = value.match(/^(\S+) ?(.*)$/)
    event.args[key] = key in event.args ? `${event.args[key]}\n${part}` : part
  }
  return event
}

async function read(response, headers) {
  const type = response.headers.get("Content-Type") ?? ""
  if (type.includes("text/html")) return patchElements({ elements: await response.text() })
  if (type.includes("application/json")) return patchSignals(await response.json())
  let rest = ""
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (rest + text).split("\n\n")
    rest = events.pop()
    for (const { id, type, args } of events.map(parse)) {
      if (id) headers["Last-Event-ID"] = id
      handlers[type]?.(args)
    }
  }
  return "ended"
}

async function request(method, address, { retry = "auto", retryMaxCount = 10, retryMaxWaitMs = 30_000 } = {}) {
  const url = new URL(address, document.baseURI)
  const headers = { "Datastar-Request": "true", "Content-Type": "application/json" }
  const body = JSON.stringify(signals)
  if (method === "GET") url.searchParams.set("datastar", body)
  for (let wait = 1_000, failed = 0; failed < retryMaxCount; ) {
    try {
      const response = await fetch(url, { method, headers, ...(method === "POST" && { body }) })
      if (response.ok) [wait, failed] = [1_000, 0]
      const end = response.ok ? await read(response, headers) : "ended"
      if (end !== "ended" || retry !== "always") return
    } catch (error) {
      console.error(error)
      failed++
      wait = Math.min(wait * 2, retryMaxWaitMs)
    }
    await new Promise((resolve) => setTimeout(resolve, wait))
  }
}

const actions = { get: (address, options) => request("GET", address, options), post: (address, options) => request("POST", address, options) }

for (const element of document.querySelectorAll("[data-signals]")) patchSignals(evaluate(element.dataset.signals))
for (const element of document.querySelectorAll("*")) {
  for (const { name, value } of element.attributes) {
    const [, verb, what] = name.match(/^data-(\w+):?(.*)$/) ?? []
    if (verb === "init") evaluate(value)
    if (verb === "effect") effects.add(() => evaluate(value)), evaluate(value)
    if (verb === "on") element.addEventListener(what, (evt) => (evt.preventDefault(), evaluate(value, { evt })))
    if (verb === "bind") {
      element.addEventListener("input", () => patchSignals({ [what]: element.value }))
      effects.add(() => (element.value = signals[what]))
    }
  }
}

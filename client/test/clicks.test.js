import assert from "node:assert/strict"
import { test } from "node:test"
import { state, withdraw } from "../src/push/module.js"
import { FakeRegistration, mount, pushPage } from "./pushfakes.js"

const here = "https://example.com/app/"

/** A page that the worker asks, and then focuses or not.
 *  @param {string} url
 *  @param {{ of?: string, focus?: boolean, prevent?: boolean }} [how] */
async function clicked(url, { of = mount, focus = true, prevent = false } = {}) {
  const world = pushPage()
  /** @type {any[]} */
  const events = []
  world.page.document.addEventListener("pull:push", (/** @type {any} */ event) => {
    events.push(event.detail)
    if (prevent) event.preventDefault()
  })
  await state(world.options)
  await state(world.options)
  /** @type {string[]} */
  const answers = []
  const port = { postMessage: (/** @type {string} */ text) => answers.push(text), close() {}, onmessage: () => {} }
  const data = { pull: { mount: of, url, tag: "im-7", title: "Ann" } }
  world.container.dispatchEvent(Object.assign(new Event("message"), { data, ports: [port] }))
  if (focus) port.onmessage()
  return { ...world, events, answers }
}

test("a page answers once, and goes to the URL when it is focused", async () => {
  const url = "https://example.com/im/7"
  const { answers, events, visited, container } = await clicked(url)
  assert.deepEqual([answers, events, visited], [["here"], [{ url, tag: "im-7", title: "Ann" }], [url]])
  assert.equal(container.started, 1)
})

test("it does nothing before the worker has chosen it", async () => {
  const { answers, events, visited } = await clicked("https://example.com/im/7", { focus: false })
  assert.deepEqual([answers, events, visited], [["here"], [], []])
})

test("it stays where it is when a listener prevents it, where it is there already, and for other origins", async () => {
  assert.deepEqual((await clicked("https://example.com/im/7", { prevent: true })).visited, [])
  assert.deepEqual((await clicked(here)).visited, [])
  assert.deepEqual((await clicked("https://evil.example/")).visited, [])
  assert.deepEqual((await clicked("javascript:alert(1)")).visited, [])
})

test("it does not answer for another mount on its origin", async () => {
  const { answers } = await clicked(here, { of: "https://example.com/other/", focus: false })
  assert.deepEqual(answers, [])
})

test("withdraw closes what any worker of the page shows with the tag, and nothing else", async () => {
  const world = pushPage()
  const registrations = [new FakeRegistration(mount, ""), new FakeRegistration("https://example.com/", "")]
  world.container.registrations.push(...registrations)
  for (const one of registrations) for (const tag of ["im-7", "im-8"]) await one.showNotification("x", { tag })
  await withdraw(world.options, "im-7")
  await withdraw(world.options, "")
  await withdraw(world.options, /** @type {any} */ (undefined))
  assert.deepEqual(registrations.flatMap(({ shown }) => shown.map(({ open }) => open)), [false, true, false, true])
})

test("withdraw never throws where there are no service workers", async () => {
  for (const navigator of [undefined, {}, { serviceWorker: { getRegistrations: () => Promise.reject(new DOMException("no", "SecurityError")) } }]) {
    const world = pushPage()
    world.page.navigator = navigator
    await withdraw(world.options, "im-7")
  }
})

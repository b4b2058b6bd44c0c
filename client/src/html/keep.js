import { ofDocument } from "../genuine.js"
import { parse } from "./parse.js"

// What a user changes, and what it was before.
const changed = [
  ["value", "defaultValue"],
  ["checked", "defaultChecked"],
  ["selected", "defaultSelected"],
]

/** Notes what the user has done to elements and all below them: what has the focus, what
 *  is selected, typed, checked, opened and scrolled. Returns what does the same to the
 *  elements that are there instead, and brings back those that the page keeps.
 *  @param {Element[]} roots
 *  @param {Element[]} kept
 *  @returns {(roots: Element[]) => void} */
export function keep(roots, kept) {
  const active = ofDocument(document, "activeElement")
  const before = byName(roots)
  const states = new Map([...before.values()].flat().map((element) => [element, stateOf(element, active)]))

  return (roots) => {
    for (const element of kept) {
      const there = byId(idOf(element))
      if (there !== element) there?.replaceWith(element) // else it would be loaded again
    }
    for (const [name, elements] of byName(roots)) {
      const were = before.get(name)
      if (were?.length === elements.length) were.forEach((element, i) => states.get(element)?.(elements[i]))
    }
    // What is new may have taken the focus, as with autofocus.
    if (active?.isConnected && active !== ofDocument(document, "activeElement")) active.focus({ preventScroll: true })
  }
}

/** A form has the names of its fields as properties.
 *  @param {Element} element
 *  @returns {string} */
export const idOf = (element) => ofDocument(element, "id")

/** @param {string} id
 *  @returns {Element | null} */
export const byId = (id) => id && ofDocument(document, "getElementById").call(document, id)

/** Elements by what tells one from another: the id, or else what they are.
 *  @param {Element[]} roots
 *  @returns {Map<string, any[]>} */
function byName(roots) {
  const names = new Map()
  for (const element of roots.flatMap((root) => [root, ...root.querySelectorAll("*")])) {
    const name = nameOf(element)
    names.get(name)?.push(element) ?? names.set(name, [element])
  }
  return names
}

/** @param {any} element */
function nameOf(element) {
  const id = idOf(element)
  const { localName, name, type, value, firstElementChild } = element
  const choice = /^(checkbox|radio)$/.test(type) || localName === "option"
  return id ? "#" + id : [localName, name, type, choice ? value : "", localName === "details" && firstElementChild?.textContent].join()
}

/** @param {any} element
 *  @param {Element | null} active
 *  @returns {(next: any) => void} */
function stateOf(element, active) {
  const { scrollTop, scrollLeft, selectionStart, selectionEnd, selectionDirection } = element
  const state = /** @type {any} */ ({})
  for (const [now, initial] of changed) {
    if (!(initial in element) || element[now] === element[initial]) continue
    const given = /** @type {any} */ (parse(element.outerHTML).content.firstElementChild) // as the browser shows what the server has rendered
    if (element[now] !== given[now]) state[now] = element[now]
  }
  if (element.type === "file") {
    delete state.value
    state.files = element.files
  }
  // The first option of a list is selected if none is.
  if (element.index === 0 && !element.closest("select")?.querySelector("[selected]")) delete state.selected
  if (element.open) state.open = true
  const scroll = scrollTop || scrollLeft ? { scrollTop, scrollLeft } : {}

  return (next) => {
    if (next.type === element.type) Object.assign(next, state)
    if (element === active) {
      next.focus({ preventScroll: true })
      if (selectionStart != null && next.selectionStart != null) next.setSelectionRange(selectionStart, selectionEnd, selectionDirection)
    }
    Object.assign(next, scroll)
  }
}

import { ofDocument } from "../genuine.js"
import { permanent } from "./place.js"

// What a user changes, and what it was before.
const changed = [
  ["value", "defaultValue"],
  ["checked", "defaultChecked"],
  ["selected", "defaultSelected"],
]

/** Notes what the user has done to an element and all below it: what has the focus, what
 *  is selected, typed, checked, opened and scrolled. Returns what does the same to the
 *  elements that are there instead, and brings back those that the page keeps.
 *  @param {Element} root
 *  @returns {(roots: Element[]) => void} */
export function keep(root) {
  const active = ofDocument(document, "activeElement")
  const before = byName([root])
  const states = new Map([...before.values()].flat().map((element) => [element, stateOf(element, active)]))
  const kept = [...root.querySelectorAll(permanent)]

  return (roots) => {
    for (const element of kept) byId(element.id)?.replaceWith(element)
    for (const [name, elements] of byName(roots)) {
      const were = before.get(name)
      if (were?.length === elements.length) were.forEach((element, i) => states.get(element)?.(elements[i]))
    }
    // What is new may have taken the focus, as with autofocus.
    if (active?.isConnected && active !== ofDocument(document, "activeElement")) active.focus({ preventScroll: true })
  }
}

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
    names.set(name, [...(names.get(name) ?? []), element])
  }
  return names
}

/** @param {any} element */
function nameOf({ id, localName, name, type, value, firstElementChild }) {
  const choice = /^(checkbox|radio)$/.test(type) || localName === "option"
  return id ? "#" + id : [localName, name, type, choice ? value : "", localName === "details" && firstElementChild?.textContent].join()
}

/** @param {any} element
 *  @param {Element | null} active
 *  @returns {(next: any) => void} */
function stateOf(element, active) {
  const { scrollTop, scrollLeft, selectionStart, selectionEnd, selectionDirection } = element
  const state = /** @type {any} */ ({})
  for (const [now, initial] of changed) if (initial in element && element[now] !== element[initial]) state[now] = element[now]
  if (element.type === "file") {
    delete state.value
    state.files = element.files
  }
  // The first option of a list is selected if none is.
  if (element.index === 0 && !element.parentNode.querySelector("[selected]")) delete state.selected
  if (element.open) state.open = true
  const scroll = scrollTop || scrollLeft ? { scrollTop, scrollLeft } : {}

  return (next) => {
    Object.assign(next, state)
    if (element === active) {
      next.focus({ preventScroll: true })
      if (selectionStart != null) next.setSelectionRange(selectionStart, selectionEnd, selectionDirection)
    }
    Object.assign(next, scroll)
  }
}

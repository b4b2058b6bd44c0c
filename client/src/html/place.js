import { ofDocument } from "../genuine.js"
import { idOf } from "./keep.js"
import { parse } from "./parse.js"

/** @typedef {"outer" | "inner" | "before" | "prepend" | "append" | "after" | "delete" | "morph"} Swap */

/** What each swap is for htmx.
 *  @type {Record<Swap, string>} */
export const swaps = {
  outer: "outerHTML",
  inner: "innerHTML",
  before: "beforebegin",
  prepend: "afterbegin",
  append: "beforeend",
  after: "afterend",
  delete: "delete",
  morph: "outerMorph",
}

/** Changes the page at one element, by the library of the page that has to know of it.
 *  Alpine and Turbo find out by themselves. When this returns, the page has changed.
 *  @param {Element} target
 *  @param {Swap} swap
 *  @param {HTMLTemplateElement} template
 *  @param {Element[]} kept in the target, as they are */
export function place(target, swap, template, kept) {
  const { content } = template
  const htmx = library("htmx", "swap")
  const isOld = /^[12]\./.test(htmx?.version) // has no morph
  if (swap === "morph") {
    for (const element of kept) content.querySelector("#" + CSS.escape(idOf(element)))?.replaceWith(element.cloneNode(true))
    const morph = library("Idiomorph", "morph") ?? library("Turbo", "morphElements")
    if (morph) return (morph.morph ?? morph.morphElements)(target, content.children, { morphStyle: "outerHTML" })
    if (!htmx || isOld) swap = "outer"
  }
  if (!htmx || target instanceof SVGElement) own(target, swap, content)
  else if (isOld) htmx.swap(target, settled(template), { swapStyle: swaps[swap], settleDelay: 0, ignoreTitle: true, transition: false })
  // Without a time to settle in, all but the promise is done at once.
  else htmx.swap({ target, sourceElement: target, text: settled(template), swap: swaps[swap] + " settle:0 ignoreTitle:true" })
}

/** @param {Element} target
 *  @param {Swap} swap
 *  @param {DocumentFragment} content */
function own(target, swap, content) {
  const methods = { outer: "replaceWith", morph: "replaceWith", inner: "replaceChildren", delete: "remove" }
  ofDocument(target, /** @type {any} */ (methods)[swap] ?? swap).call(target, content)
}

/** The markup for a library that parses it once more. What was text may be an element
 *  then, so it is parsed until that changes nothing.
 *  @param {HTMLTemplateElement} template
 *  @returns {string} */
function settled({ innerHTML }) {
  const again = parse(innerHTML)
  return again.innerHTML === innerHTML ? innerHTML : settled(again)
}

/** What a page keeps as it is. */
export const permanent = "[data-pull-permanent][id], [hx-preserve][id], [data-turbo-permanent][id]"

/** A global of a script. An element whose id is its name is no own property.
 *  @param {string} name
 *  @param {string} method
 *  @returns {any} */
export function library(name, method) {
  const found = Object.hasOwn(window, name) && /** @type {any} */ (window)[name]
  if (found?.[method] instanceof Function) return found
}

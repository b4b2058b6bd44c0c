import { ofDocument } from "../genuine.js"
import { byId, idOf, keep } from "./keep.js"
import { parse } from "./parse.js"
import { library, permanent, place, swaps } from "./place.js"

/** @typedef {import("./place.js").Swap} Swap
 *  @typedef {{ selector: string, swap: Swap | "upsert", html?: string, version?: number }} Fragment */

const inside = ["inner", "prepend", "append"]
const adding = ["before", "prepend", "append", "after"]

const version = "data-pull-version"
const mostDeleted = 1_000

/** Changes the page by the fragments of the server, in order. */
export class Fragments {
  /** The versions that deleted elements, by id.
   *  @type {Map<string, number>} */
  #deleted = new Map()

  /** An element that is there already is replaced where it is, not added.
   *  @param {Fragment} fragment */
  apply({ selector, swap: given, html = "", version: own = 0 }) {
    const swap = given === "upsert" ? "append" : given
    if (!swaps[swap]) throw new TypeError(`pull: invalid swap: ${swap}`)
    const targets = [...ofDocument(document, "querySelectorAll").call(document, selector)]
    if (swap === "delete") this.#delete(selector.replace(/^#/, ""), own)
    const adds = adding.includes(swap)
    for (const child of adds ? parseFor(targets[0], swap, html).content.children : []) {
      const there = byId(idOf(child))
      if (there) this.#change(there, "outer", child.outerHTML, own)
    }
    for (const target of targets) {
      if (!target.isConnected) continue // an earlier one has removed it
      if (adds) this.#add(target, swap, html, own)
      else this.#change(target, swap, html, own)
    }
  }

  /** @param {Element} target
   *  @param {Swap} swap
   *  @param {string} html
   *  @param {number} own */
  #add(target, swap, html, own) {
    const template = parseFor(target, swap, html)
    const { content } = template
    for (const child of [...content.children]) {
      if (byId(idOf(child))) content.removeChild(child)
      else mark(child, own)
    }
    this.#newer(content)
    if (content.children.length || content.textContent?.trim()) put(target, swap, template)
  }

  /** What has no version keeps that of what it changes.
   *  @param {Element} target
   *  @param {Swap} swap
   *  @param {string} html
   *  @param {number} own */
  #change(target, swap, html, own) {
    const isInner = swap === "inner"
    const template = parseFor(target, swap, html)
    const [first] = template.content.children
    const before = versionOf(target)
    const now = own || (first && !isInner && versionOf(first)) || before
    if (now < before) return
    if (swap === "delete") this.#delete(idOf(target), now)
    for (const changed of isInner ? [target] : template.content.children) mark(changed, own || versionOf(changed) || before)
    put(target, swap, template, this.#newer(template.content, target))
  }

  /** Returns what the page has newer in the target than the content has it. What is newer
   *  elsewhere, or deleted since, is taken out of the content.
   *  @param {DocumentFragment} content
   *  @param {Element} [target]
   *  @returns {Element[]} */
  #newer(content, target) {
    const newer = []
    for (const child of content.querySelectorAll("[id]")) {
      const id = idOf(child)
      const there = byId(id)
      const before = there ? versionOf(there) : (this.#deleted.get(id) ?? 0)
      const now = versionOf(child)
      if (!now) mark(child, before)
      else if (now < before) {
        if (there && there !== target && target?.contains(there)) newer.push(there)
        else ofDocument(child, "replaceWith").call(child)
      }
    }
    return newer
  }

  /** @param {string} id
   *  @param {number} own */
  #delete(id, own) {
    if (!own) return
    this.#deleted.set(id, Math.max(own, this.#deleted.get(id) ?? 0))
    if (this.#deleted.size > mostDeleted) this.#deleted.delete([...this.#deleted.keys()][0])
  }
}

/** @param {Element | undefined} target
 *  @param {Swap} swap
 *  @param {string} html */
const parseFor = (target, swap, html) => parse(html, inside.includes(swap) ? target : target?.parentNode)

/** 0 is no version.
 *  @param {Element} element */
const versionOf = (element) => Number(element.getAttribute(version)) || 0

/** @param {Element} element
 *  @param {number} now */
const mark = (element, now) => now && element.setAttribute(version, `${now}`)

/** Places content so that what the user has done survives, and htmx knows all of it.
 *  @param {Element} target
 *  @param {Swap} swap
 *  @param {HTMLTemplateElement} template
 *  @param {Element[]} [newer] in the target, which the page keeps */
function put(target, swap, template, newer = []) {
  const adds = adding.includes(swap)
  const parent = target.parentNode
  const children = () => [...ofDocument(parent, "children")]
  const others = new Set(children())
  others.delete(target)
  const kept = adds ? [] : [...target.querySelectorAll(permanent), ...newer]
  const restore = keep(adds ? [] : [target], kept)
  place(target, swap, template, kept)

  const roots = adds ? [] : children().filter((child) => !others.has(child))
  restore(roots)
  for (const root of roots) library("htmx", "process")?.process(root)
}

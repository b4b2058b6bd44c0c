import { ofDocument } from "../genuine.js"

/** Parses markup as children of `parent`, without what would run: scripts, inline
 *  handlers, javascript: addresses and documents in srcdoc, and without what moves the page
 *  or its addresses elsewhere. Markup for a table may begin
 *  with a row, and what is inside an SVG is SVG.
 *  @param {string} html
 *  @param {ParentNode | null} [parent]
 *  @returns {HTMLTemplateElement} */
export function parse(html, parent) {
  const template = document.createElement("template")
  const { content } = template
  const isSVG = parent instanceof SVGElement && parent.localName !== "foreignObject"
  template.innerHTML = isSVG ? `<svg>${html}</svg>` : html
  disarm(content)
  if (isSVG) content.firstElementChild?.replaceWith(...content.firstElementChild.childNodes)
  return template
}

/** @param {DocumentFragment} content */
function disarm(content) {
  for (const element of content.querySelectorAll("script, base, meta[http-equiv]")) element.remove()
  for (const element of content.querySelectorAll("*")) {
    if (element instanceof HTMLTemplateElement) disarm(element.content)
    for (const { name, value } of [...ofDocument(element, "attributes")]) {
      // Browsers know handlers of SVG that are no properties, leave out white space and
      // control characters in an address, and animate an address through a list.
      const handles = /^on/.test(name) && (name in element || element instanceof SVGElement)
      const runs = handles || name === "srcdoc" || /(^|;)javascript:/i.test(value.replace(/[\0- ]/g, ""))
      if (runs) ofDocument(element, "removeAttribute").call(element, name)
    }
  }
}

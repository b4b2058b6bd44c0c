/** Parses markup as children of `parent`, without what would run: scripts, inline
 *  handlers, javascript: addresses and documents in srcdoc. Markup for a table may begin
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
  for (const element of content.querySelectorAll("*")) {
    if (element.localName === "script") element.remove()
    if (element instanceof HTMLTemplateElement) disarm(element.content)
    for (const { name, value } of [...element.attributes]) {
      // Browsers leave out white space and control characters in an address.
      const runs = (/^on/.test(name) && name in element) || name === "srcdoc" || /^javascript:/i.test(value.replace(/[\0- ]/g, ""))
      if (runs) element.removeAttribute(name)
    }
  }
}

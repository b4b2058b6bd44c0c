// What people write on a page is markup, without scripts, and may name its elements
// as it likes. A browser lets such names stand in front of the document's own
// properties, and in the place of globals that no script has made (DOM clobbering).
// No element can pretend to be what these two return.

/** A property of the document: the prototype's, as elements do not reach it.
 *  @param {any} document
 *  @param {string} name */
export function ofDocument(document, name) {
  const prototype = Object.getPrototypeOf(document)
  return name in prototype ? Reflect.get(prototype, name, document) : document[name]
}

/** A global, made where no script has: what scripts make is the window's own, and
 *  elements are further up.
 *  @template Made
 *  @param {any} window
 *  @param {string} name
 *  @param {Made} made
 *  @returns {Made} */
export function global(window, name, made) {
  if (!Object.hasOwn(window, name)) window[name] = undefined
  return (window[name] ??= made)
}

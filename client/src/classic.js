import { install } from "./bxpull.js"

const tag = document.currentScript
// An element of the page may be named currentScript, and libraries that load pages
// run a script's text without its tag.
const known = tag instanceof HTMLScriptElement && (tag.src || tag.dataset.url)
install(window, known ? tag.dataset : false)

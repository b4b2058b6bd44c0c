import { install } from "./bxpull.js"
import { ofDocument } from "./genuine.js"

const tag = ofDocument(document, "currentScript")
// Libraries that load pages run a script's text without its tag.
install(window, tag instanceof HTMLScriptElement && (tag.src || tag.dataset.url) ? { ...tag.dataset, mount: new URL(".", tag.src) } : false)

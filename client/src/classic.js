import { install } from "./bxpull.js"

const tag = /** @type {HTMLScriptElement | null} */ (document.currentScript)
install(window, tag?.dataset ?? {})

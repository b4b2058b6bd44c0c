import { addHandlers } from "./handlers.js"

addHandlers(/** @type {any} */ (globalThis))

// Nothing runs here: tsc holds what is built against what pull.d.ts promises.

import { customEvents } from "../src/customevents.js"
import { Pull } from "../src/pull.js"

/** @import * as Public from "../pull.js" */

/** @type {typeof Public.Pull} */
export const client = Pull

/** @type {Pick<Public.BXNames, "addCustomEvent" | "removeCustomEvent" | "onCustomEvent">} */
export const events = customEvents(undefined)

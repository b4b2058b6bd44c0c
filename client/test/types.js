// Nothing runs here: tsc holds what is built against what the declarations promise.

import { helpers } from "../src/bx.js"
import { customEvents } from "../src/customevents.js"
import { connect } from "../src/html/connect.js"
import { LegacyPull } from "../src/legacy.js"
import { Pull } from "../src/pull.js"
import * as push from "../src/push/notifications.js"
import * as reactHooks from "../src/react.js"
import { FakePull } from "../src/testing/fakepull.js"
import { typing } from "../src/typing.js"
import * as vueComposables from "../src/vue.js"

/** @import * as Public from "../pull.js" */
/** @import * as React from "../react.js" */
/** @import * as Testing from "../testing.js" */
/** @import * as Typing from "../typing.js" */
/** @import * as Vue from "../vue.js" */

/** @type {typeof Public.Pull} */
export const client = Pull

/** @type {Testing.FakePull} */
export const fake = /** @type {FakePull} */ (/** @type {unknown} */ (undefined))

/** @type {Public.LegacyPull} */
export const legacy = /** @type {LegacyPull} */ (/** @type {unknown} */ (undefined))

/** @param {any} options
 *  @returns {Public.Push} */
export const notifications = (options) => ({
  state: () => push.state(options),
  enable: (given) => push.enable(options, given),
  disable: () => push.disable(options),
})

/** @type {Pick<Public.BXNames, "namespace" | "type" | "message" | "bind" | "ready">} */
export const small = helpers(undefined)

/** @type {Pick<Public.BXNames, "addCustomEvent" | "removeCustomEvent" | "onCustomEvent">} */
export const events = customEvents(undefined)

/** @type {typeof React} */
export const react = reactHooks

/** @type {typeof Vue} */
export const vue = vueComposables
/** @import { connect as PublicConnect } from "../html.js" */

/** @type {typeof PublicConnect} */
export const html = /** @type {any} */ (connect)

/** @type {typeof Typing.typing} */
export const typingOf = typing

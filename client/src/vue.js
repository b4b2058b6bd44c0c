import { inject, onMounted, onUnmounted, shallowRef, toRaw, toValue, watchEffect } from "vue"
import { nobody } from "./people.js"
import { shared } from "./shared.js"

/** @typedef {import("../pull.js").Pull} Pull
 *  @typedef {import("./people.js").UserId} UserId */

/** @type {import("vue").InjectionKey<Pull | null>} */
export const pullKey = Symbol()

export function usePull() {
  const pull = toRaw(inject(pullKey)) // a proxy of Vue cannot reach private members
  if (pull === undefined) throw new Error("pull: no pullKey")
  whileMounted(() => shared(pull).hold())
  return pull
}

/** @param {string} moduleId
 *  @param {any} command or the callback
 *  @param {(...args: any[]) => void} [callback] */
export function usePullEvent(moduleId, command, callback) {
  const name = callback && command
  whileListening(callback ?? command, (pull, callback) => pull.subscribe({ moduleId, command: name, callback }))
}

/** @param {() => void} callback */
export function usePullGap(callback) {
  whileListening(callback, (pull, callback) => pull.on("gap", callback))
}

export function usePullStatus() {
  const { status } = shared(usePull())
  const shown = shallowRef(/** @type {import("../pull.js").Status} */ ("connect"))
  const show = () => void (shown.value = status.get())
  onMounted(show)
  whileMounted(() => status.subscribe(show))
  return shown
}

/** @param {import("vue").MaybeRefOrGetter<UserId | readonly UserId[]>} ids */
export function usePresence(ids) {
  const { people } = shared(usePull())
  const shown = shallowRef(nobody)
  onMounted(() =>
    watchEffect((onCleanup) => {
      const show = () => void (shown.value = people.get())
      onCleanup(people.show([toValue(ids)].flat().map(String), show))
      show()
    }),
  )
  return shown
}

/** Listens with a function of the component's own: a client takes equal ones for one.
 *  @param {(...args: any[]) => void} callback
 *  @param {(pull: Pull, callback: (...args: any[]) => void) => () => void} begin */
function whileListening(callback, begin) {
  const pull = usePull()
  whileMounted(() => (pull ? begin(pull, (...args) => callback(...args)) : undefined))
}

/** Nothing begins on a server, because nothing is mounted there.
 *  @param {() => (() => void) | undefined} begin returns what ends it */
function whileMounted(begin) {
  /** @type {(() => void) | undefined} */
  let end
  onMounted(() => {
    end = begin()
  })
  onUnmounted(() => end?.())
}

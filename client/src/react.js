"use client"

import { createContext, useCallback, useContext, useEffect, useInsertionEffect, useRef, useSyncExternalStore } from "react"
import { nobody } from "./people.js"
import { shared } from "./shared.js"

/** @typedef {import("../pull.js").Pull} Pull
 *  @typedef {(...args: any[]) => void} Callback */

const Client = createContext(/** @type {Pull | null | undefined} */ (undefined))

export const PullProvider = Client.Provider

export function usePull() {
  const pull = useContext(Client)
  if (pull === undefined) throw new Error("pull: no PullProvider")
  useEffect(() => shared(pull).hold(), [pull])
  return pull
}

/** @param {string} moduleId
 *  @param {any} command or the callback for all commands
 *  @param {Callback} [callback] */
export function usePullEvent(moduleId, command, callback) {
  const name = callback && command
  useListener(callback ?? command, (pull, callback) => pull?.subscribe({ moduleId, command: name, callback }), moduleId, name)
}

/** @param {() => void} callback */
export function usePullGap(callback) {
  useListener(callback, (pull, callback) => pull?.on("gap", callback))
}

/** @returns {import("../pull.js").Status} */
export function usePullStatus() {
  const { status } = shared(usePull())
  return useSyncExternalStore(status.subscribe, status.get, () => "connect")
}

/** @param {import("./people.js").UserId | readonly import("./people.js").UserId[]} ids */
export function usePresence(ids) {
  const { people } = shared(usePull())
  const subscribe = useCallback(
    (/** @type {() => void} */ listener) => people.show([ids].flat().map(String), listener),
    [people, JSON.stringify(ids)],
  )
  return useSyncExternalStore(subscribe, people.get, () => nobody)
}

/** Listens with a function that calls the latest callback, so that a component that
 *  renders again does not subscribe again.
 *  @param {Callback} callback
 *  @param {(pull: Pull | null, callback: Callback) => (() => void) | undefined} begin
 *  @param {unknown[]} about what begin depends on */
function useListener(callback, begin, ...about) {
  const pull = usePull()
  const latest = useRef(callback)
  useInsertionEffect(() => {
    latest.current = callback
  })
  useEffect(() => begin(pull, (...args) => latest.current(...args)), [pull, ...about])
}

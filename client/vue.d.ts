// pull for Vue 3.3 and later: what echo-pull/vue exports.

import type { InjectionKey, MaybeRefOrGetter, ShallowRef } from "vue"
import type { CommandOf, EventOf, Extra, ModuleId, ParamsOf, Pull, Status, UserId } from "./pull.js"

/** What is known about a user. */
export interface Person {
  isOnline: boolean
  /** By the device's clock. Undefined while the user is online, and for a user who was never
   *  seen or whose presence this page's user may not receive. */
  lastSeen?: Date
}

/** Provides the client: `app.provide(pullKey, pull)`, or provide(pullKey, pull) in a component.
 *  Make the client once, and leave start and stop to the composables: it is connected while a
 *  component that uses one of them is mounted, and a second longer. It may be null, on a server or
 *  before a login: then they do nothing. Keep it in a shallowRef, not in a ref. */
export const pullKey: InjectionKey<Pull | null>

/** Returns the client, and connects it. Every other composable does so, too. Call them in setup.
 *  @throws if nothing is provided. */
export function usePull(): Pull | null

/** Calls back for each message of the server with this command, in order, while the component
 *  is mounted. PullEvents types the params, as far as it has the event. */
export function usePullEvent<M extends ModuleId | (string & {}), C extends CommandOf<M> | (string & {})>(
  moduleId: M,
  command: C,
  callback: (params: ParamsOf<M, C>, extra: Extra) => void,
): void
/** Calls back for all commands of a module. */
export function usePullEvent<M extends ModuleId | (string & {})>(moduleId: M, callback: (event: EventOf<M>) => void): void

/** Calls back when the page has missed something: fetch again what the component shows. */
export function usePullGap(callback: () => void): void

/** The state of the connection, without interruptions of less than five seconds. It is "connect"
 *  on a server, without a client, and until the client has connected first. */
export function usePullStatus(): Readonly<ShallowRef<Status>>

/** What is known about these users, and maybe others that the page shows: by id, and undefined
 *  until it is known. */
export function usePresence(
  ids: MaybeRefOrGetter<UserId | readonly UserId[]>,
): Readonly<ShallowRef<Readonly<Record<string, Person | undefined>>>>

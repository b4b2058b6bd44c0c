// pull for React 18 and 19: what echo-pull/react exports.

import type { Provider } from "react"
import type { CommandOf, EventOf, Extra, ModuleId, ParamsOf, Pull, Status, UserId } from "./pull.js"

/** What is known about a user. */
export interface Person {
  isOnline: boolean
  /** By the device's clock. Undefined while the user is online, and for a user who was never
   *  seen or whose presence this page's user may not receive. */
  lastSeen?: Date
}

/** Gives the components below it a client: `<PullProvider value={pull}>`. Make the client once,
 *  outside of components or when somebody logs in, and leave start and stop to the hooks:
 *  it is connected while a component that uses one of them is mounted, and a second longer. The
 *  value may be null, on a server or before a login: then the hooks do nothing. */
export const PullProvider: Provider<Pull | null>

/** Returns the client, and connects it. Every other hook does so, too.
 *  @throws if there is no PullProvider above the component. */
export function usePull(): Pull | null

/** Calls back for each message of the server with this command, in order. The callback of the
 *  latest rendering is called: it need not be memoized, and another one does not subscribe
 *  again. PullEvents types the params, as far as it has the event. */
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
export function usePullStatus(): Status

/** What is known about these users, and maybe others that the page shows: by id, and undefined
 *  until it is known. The ids need not be the same array each time. */
export function usePresence(ids: UserId | readonly UserId[]): Readonly<Record<string, Person | undefined>>

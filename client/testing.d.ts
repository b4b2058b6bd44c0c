// echo-pull/testing: the client of pull for the tests of an application.

import { type CommandOf, type Extra, type ModuleId, type Options, type ParamsOf, Pull, type SendErrorCode, type Status } from "./pull.js"

/** What a FakePull takes of the options of Pull. It calls none of the functions, and needs none. */
export type FakeOptions = Partial<Pick<Options, "cursor" | "user" | "platform" | "client" | "page" | "url" | "token" | "headers">>

/** A message that a page has sent to other pages. */
export interface SentMessage {
  target: string[] | { tag: string }
  module: string
  command: string
  params: any
  /** In seconds. */
  expiry: number
}

/** What a server says to a message. */
export type SendState = "ok" | Exclude<SendErrorCode, "offline" | "timeout">

/** The real client with a server that does what the test says, for everything that takes a Pull:
 *  subscribe, on, the cursor, watches and presence behave as in production, and so do the hooks
 *  of BX if the page has BX when the FakePull is made.
 *
 *  There is no network and no timer: each call returns when the callbacks have run, and nothing
 *  happens in between. It is a build of its own, so at run time a FakePull is no instance of the
 *  Pull of echo-pull. Changes of status are reported at once, where a page waits for up to
 *  five seconds to see whether they last.
 *
 *  It is as the server of one page; several do not know one another. It starts when the
 *  application calls start; or with the first of event, gap, status and login, if the application
 *  has called neither start nor stop. */
export class FakePull extends Pull {
  /** A cursor is one of a page that has missed nothing yet. With a user, login can be another one. */
  constructor(options?: FakeOptions)

  /** The server sends an event. While the page is not connected it remembers the event, and sends
   *  it when the page returns. params and extra are copied as JSON, and an error of JSON.stringify is
   *  thrown. Messages of module "online" have no offset and are not remembered; getUsersLastSeen
   *  knows the users of those. */
  event<M extends ModuleId | (string & {}), C extends CommandOf<M> | (string & {})>(
    module: M,
    command: C,
    params?: ParamsOf<M, C>,
    extra?: Partial<Extra>,
  ): void

  /** A page of a user sends a message to this one, as with send. If this page is not connected,
   *  it is lost. params are copied as JSON. */
  client(user: string | number, module: string, command: string, params?: unknown): void

  /** The messages that the server has got from this page, the first one first. The target is a list
   *  of users or a tag. */
  readonly sent: SentMessage[]

  /** What the server makes of the next messages. Default "ok"; they are in sent in any case. */
  sending: SendState

  /** The page has missed something, and the server cannot send it any more. If the page is not connected, it is
   *  told so when it returns; what was sent before the gap does not come then. */
  gap(): void

  /** The connection comes and goes. "offline": it is lost, and cannot come back. "connect": it is
   *  lost, and the client waits for the server. "online": the server lets the page in again, and the
   *  page gets what it has missed. */
  status(state: Status): void

  /** The server refuses the page, now if it is connected, and whenever it connects until
   *  status("online"): error AUTHORIZE_ERROR. 401: a login is needed, and the client goes on trying.
   *  403, the default: the client stops, and only start connects it again. */
  refuse(status?: 401 | 403): void

  /** The login of the page is over, as when its session ends or cannot be renewed: error
   *  AUTHORIZE_ERROR with the reason "session over", then session, and the client has stopped. start connects it
   *  again. It happens to a page that is connected. */
  endSession(): void

  /** The user logs in as somebody else, or with "" logs out. If the page was made with a user, it is
   *  told so: error AUTHORIZE_ERROR, then session, and the client has stopped. */
  login(user: string | number): void
}

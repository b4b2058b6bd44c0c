// The browser client of pull: what pull.mjs exports, and what pull.js puts on window.

declare global {
  /** The application's events: "module:command" in lower case, and the type of the params. It is
   *  empty here. pull.WriteTypeScript of the Go package writes a file that fills it, or do it by
   *  hand:
   *
   *      declare global { interface PullEvents { "tasks:update": Task } }
   *
   *  Then callbacks get these types. The params of other events are any. */
  interface PullEvents {}

  // Elements, document and window: the events bubble from the body.
  interface GlobalEventHandlersEventMap extends PullDOMEvents {}

  interface DocumentEventMap {
    /** A notification was clicked and this page was focused. It goes to the URL unless a
     *  listener calls preventDefault. A URL of another origin opens a window instead, without
     *  this event. */
    "pull:push": CustomEvent<PushClick>
  }
}

/** A name of PullEvents. */
export type EventName = keyof PullEvents & string

/** The modules of PullEvents. */
export type ModuleId = EventName extends infer Name ? (Name extends `${infer M}:${string}` ? M : never) : never

/** The commands of a module of PullEvents; never for other modules. */
export type CommandOf<M extends string> = EventName extends infer Name
  ? Name extends `${Lowercase<M>}:${infer C}` ? C : never
  : never

/** The params of an event: what PullEvents has for it, else any. */
export type ParamsOf<M extends string, C extends string> = `${Lowercase<M>}:${C}` extends infer Name
  ? Name extends EventName ? PullEvents[Name] : any
  : never

/** What the callback of a whole module gets. If PullEvents has the module, it is one of its events,
 *  told apart by command. */
export type EventOf<M extends string> = [CommandOf<M>] extends [never]
  ? { command: string; params: any; extra: Extra }
  : { [C in CommandOf<M>]: { command: C; params: ParamsOf<M, C>; extra: Extra } }[CommandOf<M>]

/** A message from the server. If PullEvents has any event it is one of them, told apart by module_id
 *  and command. A listener that takes a Message gets it without these types. */
export type ServerMessage = [ModuleId] extends [never]
  ? Message
  : { [M in ModuleId]: EventOf<M> & { id?: number; module_id: M } }[ModuleId]

/** Events of the DOM: the client dispatches them on document.body. In a name, characters of the
 *  command other than A-Z a-z 0-9 . _ - : are percent-encoded. "pull-client:" is before the
 *  messages of other clients. */
export type PullDOMEvents = {
  [Name in EventName as `pull:${Name}`]: CustomEvent<{ params: PullEvents[Name]; extra: Extra }>
} & {
  [name: `pull-client:${string}`]: CustomEvent<{ params: any; extra: Extra }>
  "pull:gap": CustomEvent<unknown>
  "pull:status": CustomEvent<{ status: Status }>
}

/** What a message brings beside its params. */
export interface Extra {
  server_time?: string
  server_time_unix?: number
  /** Seconds since the server sent it, by the server's clock; never negative. */
  server_time_ago: number
  /** 1: another client. 2: the server. */
  sender: { type: number; id?: string }
  [key: string]: unknown
}

export interface Message<Params = any> {
  /** The message's offset in the server's log; presence has none. */
  id?: number
  /** In lower case. */
  module_id: string
  command: string
  params: Params
  extra: Extra
}

export type Status = "connect" | "online" | "offline"
/** AUTHORIZE_ERROR: the server does not let this user in, a login is needed or over, or another
 *  user has logged in since the page was rendered.
 *  CONNECT_ERROR: neither WebSocket nor Server-Sent Events work here.
 *  WATCH_ERROR: watches cannot be extended, and it is tried again; or a grant is refused, then the
 *  reason is a GrantState.
 *  MESSAGE_ERROR: a message or frame cannot be handled; a gap follows.
 *  RENDER_ERROR: a fragment cannot be applied, such as for its selector. */
export type ErrorCode = "AUTHORIZE_ERROR" | "CONNECT_ERROR" | "WATCH_ERROR" | "MESSAGE_ERROR" | "RENDER_ERROR"
export type SubscriptionType = "server" | "client" | "online" | "status"
export type UserId = string | number

/** Whom a message of a page goes to: 1 to 100 users, or the pages that a watch of this page or its
 *  user reaches. */
export type SendTarget = UserId | UserId[] | { tag: string }

/** Why a message of a page was not sent.
 *  forbidden: the server does not permit it: the module has no Relay, or that said no; the user is
 *  a guest; or neither this page nor its user watches the tag.
 *  limit: the user sends too many, see docs/messages.md.
 *  large: the message is over 4 KiB.
 *  busy: the server cannot pass it on now.
 *  offline: this page is not connected, or the request failed.
 *  timeout: no answer for five seconds; it may have been sent. */
export type SendErrorCode = "forbidden" | "limit" | "large" | "busy" | "offline" | "timeout"

export interface SendError extends Error {
  code: SendErrorCode
}

export interface SendOptions {
  /** How many seconds late it may arrive: 1 to 60, default 10. */
  expiry?: number | undefined
}

export interface Options {
  /** Where the plugin is mounted; http or ws. It is relative to the page's address,
   *  whatever its base element says. null: the client never connects. A function is called
   *  for each connection and each request, and returns the address of the same mount each time;
   *  if it throws, start rejects, and a client that has started tries again later. */
  url: string | URL | (() => string | URL) | null
  /** The position at which the page was rendered: what happened since is replayed. null or
   *  empty: the position of the first connection. */
  cursor?: string | null | undefined
  /** Whom the page was rendered for, empty for a guest. If the server then knows the page
   *  as another user, the client stops, see "session". Without it nothing is compared. */
  user?: UserId | undefined
  /** Which hooks pull.js runs. Default "desktop"; so is what is neither. */
  platform?: "desktop" | "mobile" | undefined
  /** This page's id: 16 or more of A-Z a-z 0-9 _ -. Default random. */
  client?: string | undefined
  /** One connection for all tabs of the user in this browser, which a worker holds. It needs
   *  the option user, https or localhost, and a mount on the page's own origin. Elsewhere each
   *  tab has its own connection, as by default. The worker gives the page its client id. */
  shared?: boolean | undefined
  /** Seconds between two extensions of a watch, at least one. Default 1740, which
   *  also counts for what is no number. */
  extendEvery?: number | string | undefined
  /** For requests to another origin: "include". Default "same-origin". */
  credentials?: RequestCredentials | undefined
  /** Returns the token that logs this page in, where no cookie does. It is called for each
   *  request of the client, which sends the token as `Authorization: Bearer`, and for nothing else:
   *  a connection is opened with a ticket that the token has bought, so no address contains it.
   *  null or empty: nobody is logged in. If it throws or rejects, the login counts as refused,
   *  with the reason "no token". */
  token?: (() => string | null | undefined | Promise<string | null | undefined>) | null | undefined
  /** Headers for each request of the client. A WebSocket cannot have any. A function is called for each request. */
  headers?: Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>) | undefined
  /** What the client takes from its surroundings; tests pass fakes. */
  WebSocket?: typeof globalThis.WebSocket | undefined
  fetch?: typeof globalThis.fetch | undefined
  page?: typeof globalThis | undefined
}

/** What a callback is about, as it gets it last. */
export interface About {
  type: "server" | "client"
  /** In lower case. */
  moduleId: string
}

/** For the messages of a whole module. */
export interface ForModule<Params = any> {
  /** Default "server". */
  type?: "server" | "client"
  /** In upper or lower case. */
  moduleId: string
  command?: undefined
  callback(data: { command: string; params: Params; extra: Extra }, about: About): void
}

/** For the messages of one command. */
export interface ForCommand<Params = any> {
  /** Default "server". */
  type?: "server" | "client"
  moduleId: string
  command: string
  callback(params: Params, extra: Extra, command: string, about: About): void
}

export interface ForOnline {
  type: "online"
  callback(data: { command: string; params: any; extra: Extra }, about: { type: "online" }): void
}

export interface ForStatus {
  type: "status"
  callback(data: { status: Status }, about: { type: "status" }): void
}

/** An object with a method for each command: named in its map, else handle<Command>. Methods for
 *  events of PullEvents take their params. */
export type HandlerOf<M extends string> = {
  getModuleId(): M
  getSubscriptionType?(): "server"
  getMap?(): Record<string, string | ((params: any, extra: Extra, command: string) => void)>
} & {
  // Not a mapped type with "as": TypeScript would not type the methods while it infers M.
  [Name in `handle${Capitalize<CommandOf<M>>}`]?: Name extends `handle${infer C}`
    ? (params: ParamsOf<M, Uncapitalize<C>>, extra: Extra, command: Uncapitalize<C>) => void
    : never
}

/** A handler whose methods are not checked. */
export interface CommandHandler {
  getModuleId(): string
  getSubscriptionType?(): SubscriptionType
  /** Read for every message. A value is a function, or the name of a method. */
  getMap?(): Record<string, string | ((params: any, extra: Extra, command: string) => void)>
  [method: string]: any
}

export interface DebugInfo {
  /** null on a page that does not connect. */
  url: string | null
  /** undefined where the page gave none. */
  user: UserId | undefined
  platform: "desktop" | "mobile"
  client: string
  cursor: string | null
  status: Status
  /** "probe" while it finds out why a WebSocket was refused, "ticket" while it waits for the token
   *  or for the ticket that the token buys; undefined while it waits to try again. */
  transport: "websocket" | "sse" | "probe" | "ticket" | undefined
  watches: string[]
}

/** Whether this browser gets notifications. "denied": the user has forbidden them; a page
 *  cannot ask again. "unsupported": the browser or the server cannot do it here. */
export type PushState = "on" | "off" | "denied" | "unsupported"

/** gesture: permission has to be asked for, which only a click or another action of the
 *  user allows; nothing was asked.
 *  denied: the user does not allow notifications.
 *  timeout: the browser cannot reach its push service.
 *  unsupported: the browser or the server cannot do it here; the message says which.
 *  refused: the server does not take the subscription; the message has its reason.
 *  failed: anything else, such as a network that is down, or pull-push.mjs cannot be loaded; it
 *  may be tried again. */
export type PushErrorCode = "gesture" | "denied" | "timeout" | "unsupported" | "refused" | "failed"

export interface PushError extends Error {
  code: PushErrorCode
}

export interface PushOptions {
  /** A service worker of the application that imports pull-worker.js. Default: that file
   *  is registered as a worker itself. */
  registration?: ServiceWorkerRegistration | Promise<ServiceWorkerRegistration>
  /** The scope of the worker that is registered. Default: the mount. */
  scope?: string
  /** Seconds to wait for the browser's push service. Default 10. */
  timeout?: number
}

/** The browser's notifications for the user. They need https, or localhost, and a mount on
 *  the page's own origin. */
export interface Push {
  /** Also keeps the subscription right: it moves to the user who has logged in, ends where
   *  nobody is logged in, and is renewed if the server has another key. So call it on each
   *  page, also on those of guests. It never rejects. Where pull-push.mjs cannot be loaded, such
   *  as with an ad blocker, it is "unsupported".
   *
   *  "on" means that the server has saved the subscription; if the server cannot be reached now,
   *  that it had. A new or renewed subscription that the server could not save is "off"; the next
   *  call sends it again. */
  state(): Promise<PushState>
  /** Turns notifications on for this browser. Call it when the user clicks: then it may ask
   *  for permission. It rejects with a PushError, and then it has left no subscription
   *  behind. */
  enable(options?: PushOptions): Promise<"on">
  /** Turns them off, as far as possible without a network or a login as well. It does nothing
   *  where there is nothing to turn off. Call it before a logout. It rejects with a PushError.
   *  Where pull-push.mjs cannot be loaded it resolves, and a subscription from before stays. */
  disable(): Promise<void>
}

/** What was clicked. */
export interface PushClick {
  url: string
  tag: string
  title: string
}

/** A page's client: one connection, on which each message arrives once and in order.
 *  Every handler gets its own copy, save of what cannot be cloned; what it throws goes
 *  to the console. */
export class Pull {
  static readonly PullStatus: { readonly Online: "online"; readonly Offline: "offline"; readonly Connecting: "connect" }
  static readonly SubscriptionType: {
    readonly Server: "server"
    readonly Client: "client"
    readonly Online: "online"
    readonly Status: "status"
    /** Never fires. */
    readonly Revision: "revision"
  }

  /** Throws a TypeError that names the option which is wrong. */
  constructor(options: Options)

  /** The position in the server's log: `epoch.offset`, null before the first connection. */
  get cursor(): string | null
  get clientId(): string

  /** Connects, and stays connected. Further calls change nothing. */
  start(): Promise<true>
  /** Disconnects; start goes on where this page was, as long as the server remembers. */
  stop(): void
  /** The truth at this moment; "status" leaves out what is over within five seconds. */
  isConnected(): boolean

  /** Returns what ends it, and all equal ones with it. A wrong argument is shown in the
   *  console. Callbacks of a whole module run before those of one command. PullEvents types
   *  the params, as far as it has the event. */
  subscribe<M extends ModuleId>(handler: HandlerOf<M>): () => void
  subscribe<M extends ModuleId | (string & {}), C extends CommandOf<M> | (string & {})>(form: {
    /** Default "server". */
    type?: "server"
    /** In upper or lower case. */
    moduleId: M
    command: C
    callback(params: ParamsOf<M, C>, extra: Extra, command: C, about: About): void
  }): () => void
  subscribe<M extends ModuleId | (string & {})>(form: {
    type?: "server"
    moduleId: M
    command?: undefined
    callback(data: EventOf<M>, about: About): void
  }): () => void
  subscribe(form: ForStatus): () => void
  subscribe(form: ForOnline): () => void
  subscribe<Params = any>(form: ForModule<Params> | ForCommand<Params>): () => void
  subscribe(form: ForModule | ForCommand | ForStatus | ForOnline | CommandHandler): () => void

  on(name: "status", listener: (status: Status) => void): () => void
  /** Messages are lost for this page: it should fetch its state again. */
  on(name: "gap", listener: () => void): () => void
  /** The login of this page is over, and the client has stopped. Either the session has ended or
   *  cannot be renewed. Or the server knows the page as another user than before: somebody has
   *  logged in or out, and nothing of that user's has reached the page. The page should reload, or
   *  log in and call start, which goes on where the page was. */
  on(name: "session", listener: () => void): () => void
  /** Each code once per outage; the reason is for people. */
  on(name: "error", listener: (code: ErrorCode, reason: string) => void): () => void
  /** A message from the server, of any module but online. */
  on(name: "message", listener: (message: ServerMessage) => void): () => void
  /** "client" is from another client, "online" of module online. */
  on(name: "client" | "online", listener: (message: Message) => void): () => void

  /** Sends a message to the pages of other users, but not to this one. They get it as one of type
   *  "client", with this user in extra.sender. Resolves when it is on its way; nobody keeps it
   *  for pages that are not connected. Rejects with a SendError, or with a TypeError for a target
   *  or command that no server takes. */
  send(target: SendTarget, module: string, command: string, params?: unknown, options?: SendOptions): Promise<void>

  /** What a request needs so that ExceptSender leaves out this page. */
  headers(): { "Pull-Client": string }
  /** Lets the page's same-origin fetch and XMLHttpRequest carry these headers, until undone. */
  tagRequests(): () => void

  /** Keeps a watch alive that the server granted. Returns false for no tag, one that
   *  is kept already, or one over 255 bytes.
   *  @param force extend at once */
  extendWatch(tag: string, force?: boolean): false | undefined
  clearWatch(tag: string): void

  /** The user has read what notifications with this tag are about: those that have not been
   *  sent yet are not. It is sent with the next connection if there is none now. */
  read(tag: string): void
  readonly push: Push

  /** Calls back whenever the user has come or gone. While more users are online than a
   *  list names, changes can be missed: ask getUsersLastSeen about the users you show. */
  subscribeUserStatusChange(userId: UserId, callback: (change: { userId: UserId; isOnline: boolean }) => void): Promise<void>
  /** Without a callback: all of the user's. */
  unsubscribeUserStatusChange(userId: UserId, callback?: (change: { userId: UserId; isOnline: boolean }) => void): void
  /** Seconds ago; 0 is online now, users never seen are left out. Rejects after ten
   *  seconds without an answer. */
  getUsersLastSeen(ids: UserId | UserId[]): Promise<Record<string, number>>

  /** Shows every message in the console. */
  capturePullEvent(flag?: boolean): void
  getDebugInfo(): DebugInfo
}

/** The client in pull.js, with the names that code written for Bitrix calls. The page's own,
 *  BX.PULL, also runs the hooks of BX. */
export class LegacyPull extends Pull {
  static readonly CloseReasons: {
    readonly NORMAL_CLOSURE: 1000
    readonly SERVER_DIE: 1001
    readonly CONFIG_REPLACED: 3000
    readonly CHANNEL_EXPIRED: 3001
    readonly SERVER_RESTARTED: 3002
    readonly CONFIG_EXPIRED: 3003
    readonly MANUAL: 3004
    readonly STUCK: 3005
    readonly BACKEND_ERROR: 3006
    readonly WRONG_CHANNEL_ID: 4010
  }

  /** Without options, those of the script tag. Where that has no url it never connects. */
  constructor(options?: Partial<Options>)

  restart(code?: number, reason?: string): Promise<true>
  /** stop. */
  disconnect(code?: number, reason?: string): void
  getRevision(): number
  /** isConnected. */
  getPullServerStatus(): boolean
  /** isConnected, as the original spells it. */
  isWebSoketConnected(): boolean
  supportWebSocket(): boolean
  /** true, though the server may permit no message. */
  isPublishingEnabled(): boolean
  isPublishingSupported(): boolean
  /** send, whose expiry is at most 60 seconds. */
  sendMessage(users: UserId[], moduleId: string, command: string, params?: unknown, expiry?: number): Promise<void>
  /** sendMessage for each. Rejects with the first error; the others are sent. */
  sendMessageBatch(messages: { userList: UserId[]; body: { module_id: string; command: string; params?: unknown }; expiry?: number }[]): Promise<void>

  // They do nothing, as in the original.
  closeConfirm(...args: unknown[]): unknown
  expireConfig(...args: unknown[]): unknown
  returnPrivateVar(...args: unknown[]): unknown
  setPrivateVar(...args: unknown[]): unknown
  tryConnect(...args: unknown[]): unknown
  tryConnectDelay(...args: unknown[]): unknown
  tryConnectSet(...args: unknown[]): unknown
  updateChannelID(...args: unknown[]): unknown
  updateState(...args: unknown[]): unknown
}

type Handler = (...args: any[]) => void

/** What the hook onPullEvent-<module> passes. If PullEvents has the module, the command tells apart
 *  what the params are. */
export type HookArgs<M extends string> = EventOf<M> extends infer Event
  ? Event extends { command: infer C; params: infer P } ? [command: C, params: P, extra: Extra] : never
  : never

// TypeScript tells the params of a handler apart only by a type that has as many as the handler.
type WithoutExtra<Args> = Args extends [...infer Rest, Extra] ? Rest : never

/** The names that pull.js adds where they are missing. Where no other script has made BX,
 *  it can be called with the id of an element once the document is ready. */
export interface BXNames {
  addCustomEvent<M extends ModuleId | (string & {})>(name: `onPullEvent-${M}`, handler: (...args: HookArgs<M>) => void): void
  addCustomEvent<M extends ModuleId | (string & {})>(name: `onPullEvent-${M}`, handler: (...args: WithoutExtra<HookArgs<M>>) => void): void
  /** The hook of a mobile page. */
  addCustomEvent<M extends ModuleId | (string & {})>(name: `onPull-${M}`, handler: (data: EventOf<M> & { module_id: string }) => void): void
  addCustomEvent(name: "onPullError", handler: (code: ErrorCode, reason: string) => void): void
  addCustomEvent(name: "onPullGap", handler: () => void): void
  addCustomEvent(name: string, handler: Handler): void
  addCustomEvent<M extends ModuleId | (string & {})>(target: unknown, name: `onPullEvent-${M}`, handler: (...args: HookArgs<M>) => void): void
  addCustomEvent<M extends ModuleId | (string & {})>(target: unknown, name: `onPullEvent-${M}`, handler: (...args: WithoutExtra<HookArgs<M>>) => void): void
  addCustomEvent(target: unknown, name: string, handler: Handler): void
  removeCustomEvent(name: string, handler: Handler): void
  removeCustomEvent(target: unknown, name: string, handler: Handler): void
  /** secure: each handler gets its own copy of the arguments. */
  onCustomEvent(name: string, args?: unknown[], secure?: boolean): void
  onCustomEvent(target: unknown, name: string, args?: unknown[], secure?: boolean): void
  delegate<F extends (...args: any[]) => any>(run: F, self: unknown): F
  proxy<F extends (...args: any[]) => any>(run: F, self: unknown): F
  ready(run: () => void): void
  /** Returns the object of the path, "a.b" or "BX.a.b", made where it is missing. */
  namespace(path: string): any
  type: { isElementNode(value: unknown): boolean; isPlainObject(value: unknown): boolean }
  /** The text of a key, empty where there is none. */
  message(key: string): string
  message(texts: Record<string, string>): true
  bind(node: EventTarget | null, name: string, handler: (event: Event) => void): void
  /** The client of the page. Where the script tag has no data-url it never connects. */
  PULL: LegacyPull
  PullClient: typeof LegacyPull
}

// Fragments and watches of a page: html.d.ts has the file that applies them.

/** A change of the page that the server has rendered. */
export interface Fragment {
  selector: string
  swap: "outer" | "inner" | "before" | "prepend" | "append" | "after" | "delete" | "morph" | "upsert"
  /** Missing for delete. */
  html?: string
  /** Missing without one. */
  version?: number
}

/** What the server says of a grant. ok: the page watches its tags. gap: so it does, but it has
 *  missed something. All others are refusals: the grant is too old, not the server's, of another
 *  user, or one too many. */
export type GrantState = "ok" | "gap" | "expired" | "forged" | "foreign" | "limit"

export interface Pull {
  /** Watches the tags of a grant that the server has rendered, until the returned function is
   *  called as often as watch was with the same grant. It is there once pull-html.mjs is
   *  connected to the client.
   *  @param listener gets each answer of the server */
  watch?(grant: string, listener?: (state: GrantState) => void): () => void
  /** A fragment has come. It goes to no other listener. */
  on(name: "render", listener: (message: Message<Fragment>) => void): () => void
}

/** Details of the events that the client dispatches on the page's body. */
export interface PullEventDetail<Params = any> {
  params: Params
  extra: Extra
}

declare global {
  interface HTMLElementEventMap {
    "pull:gap": CustomEvent<null>
    "pull:status": CustomEvent<{ status: Status }>
  }
}

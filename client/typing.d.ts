// What pull-typing.mjs and echo-pull/typing export.

import type { Pull, SendTarget } from "./pull.js"

export interface TypingOptions {
  /** Whom the message goes to, as for send. Only these users are shown; with a tag, the users who
   *  have sent theirs to the same tag. */
  target: SendTarget
  /** Its Relay on the server permits the messages. */
  module: string
  /** Default "typing". Users with more than one conversation need a command for each. */
  command?: string
  /** Called with the ids of the users who are typing, whenever one is added or removed. */
  onChange?: (users: string[]) => void
}

export interface Typing {
  /** The user has pressed a key. Call it as often as you like: the first call sends a message, and
   *  after it at most one is sent every three seconds. */
  type(): void
  /** The user has sent or deleted the text. The others see it at once; without it, six to
   *  nine seconds after the last key. */
  stop(): void
  /** Stops, and shows nobody any more. onChange is not called again. */
  close(): void
}

/** Shows others that the user of this page is typing, and which of them are. When the page is
 *  left, the others see it at once. A message that cannot be sent is not reported. If the
 *  client was made with a user, the user's own other pages are left out. */
export function typing(pull: Pull, options: TypingOptions): Typing

// What the worker of all tabs keeps, in letters of JSON.

/** Of recent events, for tabs that come later. */
export const ringLetters = 1_048_576
export const ringEvents = 10_000

/** On its way to a tab that has not handled it: a frozen one handles nothing. */
export const mostUnread = 1_048_576

/** A worker that has not said anything in this time, in milliseconds, will not. */
export const greeting = 5_000

/** A grant that no tab has any more is kept in force for so long, in milliseconds: tabs
 *  come back one after the other. */
export const unheld = 60_000

/** Of the address of a stream, whose server takes 4 KiB. */
export const handshakeGrants = 3_000

/** Of a frame, of which the server takes 16 KiB. */
export const frameGrants = 16_000

/** How a tab's socket ends that is to connect on its own, or that has no other code. */
export const ownEnding = 4999

/** How often a tab that waits for hello hears that it does, in milliseconds. */
export const waiting = 5_000

// How long the client waits, in milliseconds, and how often it tries. In one place,
// because bundles hold numbers that are imported in the place of their names.

/** Nothing may arrive for so long until hello does. */
export const handshake = 15_000

/** A server may promise a sign of life more often, but is not held to it. */
export const leastSilence = 5_000

/** A connection that has lasted so long was none of a series of failures. */
export const settled = 10_000

/** Attempts in a row without a hello, until the page is told. */
export const attempts = 8

/** WebSockets that the server would have taken, until a stream is tried. */
export const sockets = 3

/** For how long streams carry the page before a WebSocket is tried again, when one ends. */
export const betweenSockets = 180_000

/** And at the latest, though the stream goes on. */
export const longestStream = 600_000

/** A change of status that is over sooner is not told. */
export const quiet = 5_000

/** A renewal of the login that hangs is repeated. */
export const renewal = 10_000

/** A question is given up. */
export const answering = 10_000

/** A message to other pages without an answer may have been sent or not. */
export const sending = 5_000

/** An extension without an answer is repeated. */
export const unanswered = 60_000

/** So many frames of extensions leave at once, half of what the server takes … */
export const extensions = 10

/** … and then one after each of these, as it takes them. */
export const pace = 500

/** Failures double that, up to this. */
export const longestUnanswered = 1_800_000

/** A connection outlives the last component that uses it by this, so that changing from one
 *  view to the next costs no reconnect. */
export const linger = 1_000

package engine

import (
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/tally"
)

// Stats is a snapshot of what a plugin holds, counts and measures on this node. What
// is counted begins at 0 when the plugin starts and only grows. The maps have every
// key that they can ever have, also those at 0; they belong to the caller.
type Stats struct {
	Node   string // id of this node in the log; another one after each start
	Nodes  int    // live nodes that share the log, this one included
	Epoch  string // of the log, as this node has read it; empty until the log is reached
	Offset uint64 // of the last message that this node has read from the log

	Sessions    int            // live connections
	Transports  map[string]int // the same by transport: "websocket", "sse", and "html" for htmx and Datastar
	Users       int            // users who are online, on all nodes
	Guests      int            // sessions without a user
	Watches     int            // watches of users, as this node knows them: those of all nodes
	PageWatches int            // tags that pages of this node watch by grants, each once for each page

	Messages   uint64 // events received from the log
	Deliveries uint64 // hand-overs to sessions, each of one or more messages
	Recovered  uint64 // sessions that resumed from a cursor
	Replayed   uint64 // messages that sessions read from the window, because they had missed them or were behind

	// Gaps counts how often a session was notified of a gap, GapsBy the same by
	// cause: "window" (what the page has missed is not in the window any more),
	// "epoch" (the cursor is of another log), "ahead" (the cursor is beyond the end
	// of the log), "malformed" (the cursor is none), "behind" (this node may lack
	// watches of the user from the time since the cursor), "grant" (a watch came
	// too late for messages that it covers), and "broken_log" (the log has lost
	// messages, or was replaced, while the session was connected).
	Gaps   uint64
	GapsBy map[string]uint64

	// Cut counts the sessions that were closed because they were too slow. CutBy
	// counts all that were not closed by their page: "slow_queue" (the queue was
	// full, or nothing could be written for 30 seconds), "slow_window" (the window
	// has moved on faster than the page has read it), "violation" (of the
	// protocol), "flood" (the page has sent too much), "dead" (no answer to pings,
	// or a broken network), "disconnect" (Plugin.Disconnect), "session" (the login
	// is over), "replay" (the user has had too much replayed; the page continues
	// later), "log" (more than 1,000 pages wait until this node has reached their
	// position), and "shutdown". Cut is the sum of the first two.
	Cut   uint64
	CutBy map[string]uint64

	// Refused counts the requests to the mounted paths that were refused, by reason:
	// "origin", "host", "login" (401: the request has no login, or the application
	// refuses it), "session" (the login is over), "ticket", "grant", "disconnect"
	// (the user was disconnected a moment ago), "limit_user" (connections of a
	// user), "limit_address" (guests of an address), "limit_node" (connections of
	// the node), "attempts" (to connect, and requests of pages that come too fast),
	// "replay" (the user has had too much replayed), "log" (it is not reached),
	// "shutdown", "transport" (501: the server cannot serve the connection),
	// "malformed", and "other".
	Refused map[string]uint64

	PublisherEvents int    // events collected or waiting for the broker
	PublisherBytes  int    // bytes of these events
	PublishFailures uint64 // calls of the broker that have returned an error, apart from those for SendTx
	PublishRetries  uint64 // calls of the broker that have repeated one that had failed

	// LogLag is the time from the end of a handler until this node has read the
	// request's last event from the log. What the plugin itself publishes counts as
	// well, such as a sign of life every 20 seconds. FirstWrite is the time from the
	// end of a handler until the first page has that event, written to its
	// connection, or in its queue if the page is still reading what came before; an
	// event that is for no page of this node does not count. Both measure what this
	// node has sent, and at most 1,024 requests that are on their way.
	LogLag     tally.Histogram
	FirstWrite tally.Histogram

	WindowMessages int           // events in the window
	WindowBytes    int           // all that the node keeps for them, as Config.WindowBytes counts it
	WindowOldest   time.Duration // age of the oldest event in the window; 0 if it is empty

	// Pushes counts what became of notifications, each for one user: "sent" (the
	// Pusher returned nil), "gone" (devices that their push service does not know
	// any more, as package push counts them), "retried" (each time that the Pusher
	// put one off), "failed", "refused" (by Config.PushAllow), and "withdrawn" (by
	// Withdraw, or because the user has looked at a page). The last one counts
	// those of all nodes, and the others those that this node has sent.
	Pushes        map[string]uint64
	PushesWaiting int    // notifications that wait, each for one user; the same on all nodes
	PushesDropped uint64 // notifications beyond 100 for one user, or 200,000 or 64 MiB for all

	// TxOutboxAge is the age of the oldest event of SendTx whose transaction is
	// committed and that has not left yet, or 0 if there is none. Every node
	// looks once a second. An age of more than a few seconds means that the
	// database or the log cannot be reached.
	TxOutboxAge time.Duration
}

// Stats returns a snapshot of this node. It is cheap enough for a metrics endpoint.
func (e *Engine) Stats() Stats {
	n, queue := e.hub.Counts(), e.publisher.Counts()
	events, bytes := e.publisher.Queued()
	cuts := e.hub.Conns.Cuts()
	return Stats{
		Node: e.hub.ID, Nodes: n.Nodes, Epoch: n.Epoch, Offset: n.Offset,
		Sessions: n.Pages, Transports: n.Transports, Users: n.Users, Guests: n.Guests,
		Watches: n.Watches, PageWatches: n.PageWatches,
		Messages: n.Messages, Deliveries: n.Deliveries, Recovered: n.Recovered, Replayed: n.Replayed,
		Gaps: sum(n.GapsBy), GapsBy: n.GapsBy,
		Cut: cuts[conn.SlowQueue.String()] + cuts[conn.SlowWindow.String()], CutBy: cuts,
		Refused:         e.refused.Map(),
		PublisherEvents: events, PublisherBytes: bytes,
		PublishFailures: queue.Failures, PublishRetries: queue.Retries,
		LogLag: e.hub.LogLag().Histogram(), FirstWrite: e.hub.FirstWrite().Histogram(),
		WindowMessages: n.WindowMessages, WindowBytes: n.WindowBytes, WindowOldest: n.WindowOldest,
		Pushes: e.notifier.outcomes(n.PushesWithdrawn), PushesWaiting: n.PushesWaiting, PushesDropped: n.PushesDropped,
		TxOutboxAge: e.relay.oldest(),
	}
}

func sum(counts map[string]uint64) uint64 {
	var total uint64
	for _, n := range counts {
		total += n
	}
	return total
}

// Package hub derives the state of a node from the log, and routes messages to
// the pages that are connected to the node.
package hub

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/pending"
	"github.com/echo-pull/pull/internal/rate"
	"github.com/echo-pull/pull/internal/window"
)

// A Hub is the state that this node derives from the log, and the pages that
// are connected to it. The window, the watches, presence and the index of pages
// change together under one lock. A page that joins therefore receives the log
// up to a position, and every later message is routed to it: none is missing
// and none is repeated.
//
// The hub is passive: it starts no goroutine and has no timer. The dispatcher
// calls apply; the other goroutines of the plugin call the rest. The hub does
// not write to a connection while it holds the lock.
type Hub struct {
	ID    string        // of this node in the log
	Conns conn.Settings // shared by the connections of all pages

	config   Config
	deflater conn.Deflater

	// mu guards the fields from log to foreign, and the fields of every Page
	// that are marked as guarded by it.
	mu      sync.Mutex
	log     string // the broker's epoch; empty until the first message
	epoch   string // the epoch that pages know: log, or another one if the log went back within its epoch
	first   string // the first epoch
	settled uint64 // every page has been given all messages for it up to this offset
	history *window.Window
	names   names // of the last messages

	watches     watches
	pendingEnds pendingEnds // ends of watches that are on their way into the log
	rebasedAt   time.Time   // when the watches were last moved to another log
	forgotUntil time.Time   // until then there may be watches that this node does not know
	countedAt   time.Time   // when the watches of a long list were last counted one by one

	presence *presence
	lists    userLists       // state of the exchange of user lists between nodes
	updates  presenceUpdates // changes of presence that have not been sent to the pages
	online   onlineList      // for pages that connect

	pending    *pending.List       // notifications that wait; nil without a pusher
	dropped    uint64              // of pending.Dropped, those that were reported
	orphanedAt time.Time           // since when there are notifications that no node sends; zero if there are none
	orphans    bool                // the batch that is being applied has notifications that no node sends
	lookers    map[string]struct{} // users who look at a page and need not be notified of the batch that is being applied

	uses uses // of tickets

	pageTags    map[string][]*pageWatch // pages' own watches, by tag
	pageWatches int                     // number of them
	news        pageNews                // what the other nodes do not know of them

	terms terms // sessions of pages
	ends  ends  // sessions that were ended lately
	asks  asks  // commands that all nodes have to follow

	roster   roster
	past     pastSessions
	leaving  map[*Page]uint64 // pages that get nothing more although they have not left, and where the log ended then
	stopping bool             // no further page may join
	stopped  bool             // this node's bye has come back from the log

	returned time.Time // when a message of this node last came back from the log

	waiting waiting
	round   *round              // of the batch that is being applied
	except  map[string]struct{} // users whom the message being routed excepts; reused
	foreign rate.Throttle       // limits the reports of messages that the plugin did not write

	// The rest is read without mu. Only the holder of mu writes the first four.
	position atomic.Pointer[string] // epoch
	offset   atomic.Uint64          // offset of the last message in history
	applied  atomic.Uint64          // sequence number of this node's last message that was applied
	needed   atomic.Uint64          // as Needed describes
	stats    counters

	handovers handovers // of this node's messages; has no lock, as it describes
}

// A Config configures a Hub.
type Config struct {
	MaxTagsPerUser, MaxUsersPerTag int

	WindowAge                time.Duration
	WindowCount, WindowBytes int
	WatchTTL, Grace          time.Duration

	Scope OnlineScope
	Tick  time.Duration

	Shared bool // other nodes read the log

	Push         bool          // there is a pusher
	PushPatience time.Duration // how long a user who is online may take to look at a page
	LogOutlives  bool          // the log of this process is saved for the next one, which reads from it what Needed does not hold back

	// None of these functions may block. Publish, Notify and PushDue are called with
	// the hub's lock, Report without it.
	Report  func(error)    // passes an error to the application
	Publish func([]byte)   // puts a control message into the log
	Notify  func([]Change) // passes changes of presence to the application
	PushDue func()         // a notification may be due, or what became of one may have to be published

	// Deliver is called without the lock when pages have been given events with traces;
	// nil if there is no tracer.
	Deliver func(began time.Time, traces []string, pages int)
}

// New returns a hub. queueBytes bounds the queue of each page; spawn starts the
// goroutines of connections.
func New(config Config, queueBytes int, spawn func(func())) *Hub {
	c := &config
	id := envelope.NewID()
	h := &Hub{
		config: config, ID: id, Conns: conn.Settings{QueueBytes: queueBytes, Spawn: spawn},
		names:       newNames(),
		history:     window.New(c.WindowAge, c.WindowCount, c.WindowBytes, envelope.Keys),
		watches:     newWatches(c.WatchTTL, c.WindowAge, c.MaxTagsPerUser),
		pendingEnds: make(pendingEnds),
		presence:    newPresence(id, c.Grace),
		pageTags:    make(map[string][]*pageWatch),
		terms:       newTerms(),
		uses:        newUses(),
		roster:      newRoster(),
		past:        pastSessions{since: time.Now()},
		leaving:     make(map[*Page]uint64),
		waiting:     waiting{claims: newClaims()},
		round:       new(round),
		stats:       counters{gaps: newGaps()},
	}
	if config.Push {
		h.pending, h.lookers = pending.NewList(id), make(map[string]struct{})
	}
	return h
}

// Cursor returns the position of the last message that was applied.
func (h *Hub) Cursor() envelope.Cursor {
	epoch := h.position.Load()
	if epoch == nil {
		return envelope.Cursor{}
	}
	return envelope.Cursor{Epoch: *epoch, Offset: h.offset.Load()}
}

// Needed holds the offset from which on the node needs the log. What is before
// it has been read and is not in the window any more. The embedded log forgets
// it; an epoch has offsets of its own.
func (h *Hub) Needed() *atomic.Uint64 { return &h.needed }

// releaseLog moves Needed to the beginning of the window. While the next process has to
// find in the log notifications that wait, or ends of sessions, it does nothing.
func (h *Hub) releaseLog() {
	if h.config.LogOutlives && (h.pending != nil && h.pending.Len() > 0 || h.ends.expiry.Len() > 0) {
		return
	}
	h.needed.Store(h.history.First())
}

// Applied returns the sequence number of this node's last message that was
// applied.
func (h *Hub) Applied() uint64 { return h.applied.Load() }

// IsDrained reports whether this node's bye has come back from the log and
// every message before it has been given to the pages.
func (h *Hub) IsDrained() bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.stopped && h.settled == h.history.Last()
}

// Package hub is what a node derives from the log, and which pages are connected to it.
package hub

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/rate"
	"github.com/echo-pull/pull/internal/window"
)

// A Hub is what this process derives from the log, and who is connected to it.
// The window, the watches, presence and the index of sessions change together
// under one lock: a session that joins sees the log up to a position and is
// routed everything after it, without a hole and without a repetition.
//
// The node is passive. The dispatcher calls apply; the plugin's other
// goroutines call the rest. Nothing is written to a connection under the lock.
type Hub struct {
	config Config
	ID     string
	Conns  conn.Settings // of the pages' connections

	mu        sync.Mutex // guards what follows
	log       string     // the broker's epoch; empty until the log has been heard
	epoch     string     // by which pages know it: the same, unless the log went back within its epoch
	history   *window.Window
	watches   watches
	presence  *presence
	news      news // changes of presence that pages have not been told yet
	roster    roster
	closing   bool                // no session joins any more
	farewell  bool                // this node's own has come back from the log
	counted   time.Time           // when the watches of a long list were last counted one by one
	ending    map[string]int      // ends of watches that are on their way into the log, by user
	rolling   bool                // who is here was said, and has not come back from the log
	asking    bool                // who is there was asked, and has not come back from the log
	asked     time.Time           // when it was asked last …
	unasked   bool                // … and messages were lost since
	excepted  map[string]struct{} // by the message that is being routed; kept to be used again
	settled   uint64              // every session has what is for it up to here
	positions waitlist            // pages that are ahead of the log
	names     waitlist            // calls that wait for a message of this node's own
	moved     chan struct{}       // closed when the position changes; nil when nobody waits

	round *round // of the batch that is being applied

	foreign rate.Seldom // reports of messages that are not the plugin's

	position atomic.Pointer[string] // the epoch, to read without the lock
	offset   atomic.Uint64          // history.last, likewise
	applied  atomic.Uint64          // last message of this node's own that was applied
	stats    counters
}

// A Config configures a node.
type Config struct {
	MaxTagsPerUser, MaxUsersPerTag int

	WindowAge                time.Duration
	WindowCount, WindowBytes int
	WatchTTL, Grace          time.Duration

	Scope OnlineScope
	Tick  time.Duration

	// None of these waits.
	Report func(error)    // tells the application of an error
	Say    func([]byte)   // puts a control message into the log
	Tell   func([]Change) // tells the application of changes of presence
}

// New returns a node whose pages' queues are bounded. spawn starts the
// goroutines of connections.
func New(config Config, queueBytes int, spawn func(func())) *Hub {
	c := &config
	id := envelope.NewID()
	return &Hub{
		config: config, ID: id, Conns: conn.Settings{QueueBytes: queueBytes, Spawn: spawn},
		history:  window.New(c.WindowAge, c.WindowCount, c.WindowBytes, envelope.Keys),
		watches:  newWatches(c.WatchTTL, c.WindowAge, c.MaxTagsPerUser),
		presence: newPresence(id, c.Grace),
		roster:   newRoster(),
		round:    new(round),
		ending:   make(map[string]int),
	}
}

func (n *Hub) Cursor() envelope.Cursor {
	epoch := n.position.Load()
	if epoch == nil {
		return envelope.Cursor{}
	}
	return envelope.Cursor{Epoch: *epoch, Offset: n.offset.Load()}
}

// apply brings the node forward by a batch. It returns what is left to do, and how
// much of the batch that is: all, or what comes before the message with which the
// log turns out to be broken.
func (n *Hub) apply(batch []broker.Delivery) (r *round, count int, broken bool) {
	n.mu.Lock()
	defer n.mu.Unlock()

	now := time.Now()
	for i, d := range batch {
		switch {
		case n.log == "":
			n.begin(d.Epoch, d.Epoch, d.Offset)
		case d.Epoch == n.log && d.Offset < n.history.Next() && !n.isNew(&d):
			continue // known from before the subscription was renewed
		case d.Epoch != n.log || d.Offset != n.history.Next():
			n.finishBatch()
			return n.round, i, true
		}
		n.applyOne(d, now)
	}
	n.finishBatch()
	return n.round, len(batch), false
}

func (n *Hub) begin(log, epoch string, offset uint64) {
	if n.epoch != epoch {
		n.positions.wake(^uint64(0)) // it does not become what they wait for any more
	}
	n.log, n.epoch = log, epoch
	n.history.Reset(offset)
	n.settled = offset - 1
	n.publishPosition()
}

func (n *Hub) publishPosition() {
	n.offset.Store(n.history.Last())
	if p := n.position.Load(); p == nil || *p != n.epoch {
		epoch := n.epoch
		n.position.Store(&epoch)
	}
	n.signalMove()
}

func (n *Hub) signalMove() {
	n.positions.wake(n.history.Last())
	n.names.wake(n.applied.Load())
	if n.moved != nil {
		close(n.moved)
		n.moved = nil
	}
}

func (n *Hub) finishBatch() {
	r := n.round
	handed := r.touched[:0]
	for _, s := range r.touched {
		if s.last = max(s.last, n.settled); n.isTooMuch(s) {
			s.behind, s.due = true, nil // it reads the window from where it is
			r.lagging = append(r.lagging, s)
			continue
		}
		s.last = max(s.last, s.due[len(s.due)-1].frame.Last)
		handed = append(handed, s)
	}
	clear(r.touched[len(handed):])
	r.touched = handed
	n.publishPosition()
}

// isTooMuch tells whether what one batch has for an idle session would fill its
// queue. Such a page is not slow, it only gets much at once.
func (n *Hub) isTooMuch(s *Page) bool {
	size := 0
	for _, p := range s.due {
		size += p.size
	}
	return size > n.Conns.QueueBytes/2 && n.history.Covers(s.last) && s.IsIdle()
}

func (n *Hub) applyOne(d broker.Delivery, clock time.Time) {
	if d.Raw == nil { // the embedded log has let go of a control message
		n.history.Skip(0)
		return
	}
	now := clock.UnixNano()
	e, err := envelope.Parse(d.Raw)
	if err != nil {
		if n.foreign.Allow("") { // there may be as many as the application's own
			n.round.errs = append(n.round.errs, fmt.Errorf("%w: at %s, and perhaps others within a minute", err, envelope.Cursor{Epoch: d.Epoch, Offset: d.Offset}))
		}
		n.history.Skip(0)
		return
	}
	e.At = max(0, min(e.At, now)) // other nodes' clocks are not to be trusted either
	if n.applied.Load() == 0 {
		clock = clock.Add(newcomer - deadNode) // from before this node: nobody knows how long
	}
	peer, fresh := n.presence.hear(e.Node, e.Seq, e.At, clock)
	if peer.self {
		n.applied.Store(e.Seq)
	}
	if e.Kind != envelope.KindEvent || !fresh {
		n.history.Skip(e.At)
		if fresh {
			n.control(&e, peer)
		}
		return
	}
	n.stats.messages.Add(1)
	n.history.Append(window.NewMessage(e.At, e.Expires, d.Raw[len(d.Raw)-len(e.Addr)-len(e.Body):], len(e.Addr)), now)
	n.route()
}

// control applies a message of the plugin's own.
func (n *Hub) control(e *envelope.Envelope, p *peer) {
	p.bye = e.Kind == envelope.KindBye || p.bye && e.Kind != envelope.KindHello
	if p.dead {
		p.dead = false // it was out of reach: what it has announced was let go
		n.config.Say(envelope.Control(envelope.KindHello, time.Now()))
	}
	if p.self {
		n.returned(e)
		defer n.announce() // what has happened since the last announcement
	} else {
		n.obey(e)
	}
	switch e.Kind {
	case envelope.KindOnline:
		n.changed(n.presence.online(p, e.List))
	case envelope.KindOffline:
		n.changed(n.presence.offline(p, e.List, e.At, p.self))
	case envelope.KindRoll:
		n.changed(n.presence.list(p, e.List, e.At))
	case envelope.KindWatch, envelope.KindExtend, envelope.KindUnwatch:
		n.applyWatch(e)
	case envelope.KindEvent, envelope.KindDisconnect, envelope.KindHello, envelope.KindBeat, envelope.KindBye:
	}
}

// returned notes that a message of this node's own has come back from the log.
func (n *Hub) returned(e *envelope.Envelope) {
	switch e.Kind {
	case envelope.KindOnline, envelope.KindOffline:
		n.presence.announcing = max(0, n.presence.announcing-1)
	case envelope.KindRoll:
		n.rolling = false
	case envelope.KindUnwatch:
		if len(e.List) > 0 {
			n.addEnding(e.List[0], -1)
		}
	case envelope.KindHello:
		if n.asking {
			n.asking = false
			n.answerRoll()
		}
	case envelope.KindBye:
		n.farewell = true
	case envelope.KindEvent, envelope.KindWatch, envelope.KindExtend, envelope.KindDisconnect, envelope.KindBeat:
	}
}

// obey does what another node asks of this one.
func (n *Hub) obey(e *envelope.Envelope) {
	switch e.Kind {
	case envelope.KindDisconnect:
		n.round.expels = append(n.round.expels, e.List...)
	case envelope.KindHello:
		n.answerRoll()
	case envelope.KindEvent, envelope.KindWatch, envelope.KindExtend, envelope.KindUnwatch, envelope.KindBeat, envelope.KindBye, envelope.KindOnline, envelope.KindOffline, envelope.KindRoll:
	}
}

// applyWatch applies a grant, an extension or an end. What is incomplete is not
// from this plugin.
func (n *Hub) applyWatch(e *envelope.Envelope) {
	if len(e.List) == 0 {
		return
	}
	user, rest := e.List[0], e.List[1:]
	switch {
	case e.Kind == envelope.KindUnwatch:
		n.watches.end(user, rest, n.history.Last(), e.At)
	case e.Kind == envelope.KindExtend:
		for _, tag := range rest {
			n.watches.extend(user, tag, e.At)
		}
	case len(rest) > 1:
		n.granted(user, envelope.ParseCursor(rest[0]), rest[1:], e.At)
	}
}

// Applied returns the name of the last message of this node's own that it has applied.
func (n *Hub) Applied() uint64 { return n.applied.Load() }

// Await waits until the condition holds, which it checks whenever the node has
// moved. It tells whether that was before ctx ended.
func (n *Hub) Await(ctx context.Context, condition func() bool) bool {
	for {
		moved := n.movement()
		if condition() {
			return true
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return condition()
		}
	}
}

// movement returns what is closed when the node next moves.
func (n *Hub) movement() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()

	if n.moved == nil {
		n.moved = make(chan struct{})
	}
	return n.moved
}

// SaidAll tells whether this node's farewell has come back from the log and
// everything before it has been handed to the sessions.
func (n *Hub) SaidAll() bool {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.farewell && n.settled == n.history.Last()
}

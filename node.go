package pull

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A delivery is a message as the broker hands it over.
type delivery struct {
	epoch  string
	offset uint64
	raw    []byte
}

// maxOffset is the largest offset that a page can hold: 2⁵³ − 1, the largest
// integer of JavaScript up to which all are exact.
const maxOffset = 1<<53 - 1

// check returns in what the broker broke its contract.
func (d *delivery) check() error {
	if d.offset == 0 || d.offset > maxOffset {
		return fmt.Errorf("broker broke its contract: offset %d", d.offset)
	}
	if err := checkIDs("epoch", []string{d.epoch}); err != nil {
		return fmt.Errorf("broker broke its contract: %w", err)
	}
	return nil
}

// A node is what this process derives from the log, and who is connected to it.
// The window, the watches, presence and the index of sessions change together
// under one lock: a session that joins sees the log up to a position and is
// routed everything after it, without a hole and without a repetition.
//
// The node is passive. The dispatcher calls apply; the plugin's other
// goroutines call the rest. Nothing is written to a connection under the lock.
type node struct {
	id       string
	bound    int // of a session's queue
	maxUsers int // of a tag
	maxTags  int // of a user
	scope    OnlineScope
	tick     time.Duration
	report   func(error)
	say      func([]byte)   // puts a control message in the log; does not wait
	tell     func([]change) // lets the application know; does not wait

	mu        sync.Mutex // guards what follows
	log       string     // the broker's epoch; empty until the log has been heard
	epoch     string     // by which pages know it: the same, unless the log went back within its epoch
	history   history
	watches   watches
	presence  *presence
	news      news // changes of presence that pages have not been told yet
	all       []*session
	users     map[string][]*session
	seats     map[string]int // admitted sessions by payer
	seated    int
	bans      map[string]ban        // the last disconnect of a user
	banning   deque[ban]            // the same, the oldest first
	turns     [tickSlots][]*session // by the slot of a tick in which they are reminded
	turn      int                   // of the next session
	guests    int                   // joined sessions without a user
	closing   bool                  // no session joins any more
	farewell  bool                  // this node's own has come back from the log
	rolling   bool                  // who is here was said, and has not come back from the log
	excepted  map[string]struct{}   // by the message that is being routed; kept to be used again
	settled   uint64                // every session has what is for it up to here
	positions waitlist              // pages that are ahead of the log
	names     waitlist              // calls that wait for a message of this node's own
	moved     chan struct{}         // closed when the position changes; nil when nobody waits

	// What apply leaves for the dispatcher to do without the lock.
	touched []*session
	parcels []*parcel
	spare   []*parcel  // to be used again
	expels  []string   // users whom another node has disconnected
	gapped  []*session // that are to be told of a gap
	lagging []*session // that are to catch up

	problems []error // to report

	position atomic.Pointer[string] // the epoch, to read without the lock
	offset   atomic.Uint64          // history.last, likewise
	banned   atomic.Uint64          // number of disconnects; changes under mu
	applied  atomic.Uint64          // last message of this node's own that was applied
	stats    counters
}

func (n *node) cursor() cursor {
	epoch := n.position.Load()
	if epoch == nil {
		return cursor{}
	}
	return cursor{*epoch, n.offset.Load()}
}

// apply brings the node forward by a batch and returns how much of it: all, or
// what comes before the message with which the log turns out to be broken.
func (n *node) apply(batch []delivery) (count int, broken bool) {
	n.mu.Lock()
	defer n.mu.Unlock()

	now := time.Now()
	for i, d := range batch {
		switch {
		case n.log == "":
			n.begin(d.epoch, d.epoch, d.offset)
		case d.epoch == n.log && d.offset < n.history.next && !n.isNew(&d):
			continue // known from before the subscription was renewed
		case d.epoch != n.log || d.offset != n.history.next:
			n.finishBatch()
			return i, true
		}
		n.applyOne(d, now)
	}
	n.finishBatch()
	return len(batch), false
}

// isNew tells whether a message lies at an offset at which something else was
// before: the log went back within its epoch. The names of messages tell.
func (n *node) isNew(d *delivery) bool {
	e, err := open(d.raw)
	if err != nil {
		return false
	}
	p := n.presence.peers[string(e.node)]
	return p == nil || e.seq > p.seq
}

func (n *node) begin(log, epoch string, offset uint64) {
	if n.epoch != epoch {
		n.positions.wake(^uint64(0)) // it does not become what they wait for any more
	}
	n.log, n.epoch = log, epoch
	n.history.reset(offset)
	n.settled = offset - 1
	n.publishPosition()
}

func (n *node) publishPosition() {
	n.offset.Store(n.history.last())
	if p := n.position.Load(); p == nil || *p != n.epoch {
		epoch := n.epoch
		n.position.Store(&epoch)
	}
	n.signalMove()
}

func (n *node) signalMove() {
	n.positions.wake(n.history.last())
	n.names.wake(n.applied.Load())
	if n.moved != nil {
		close(n.moved)
		n.moved = nil
	}
}

func (n *node) finishBatch() {
	handed := n.touched[:0]
	for _, s := range n.touched {
		if s.last = max(s.last, n.settled); n.isTooMuch(s) {
			s.behind, s.due = true, nil // it reads the window from where it is
			n.lagging = append(n.lagging, s)
			continue
		}
		s.last = max(s.last, s.due[len(s.due)-1].last)
		handed = append(handed, s)
	}
	clear(n.touched[len(handed):])
	n.touched = handed
	n.publishPosition()
}

// isTooMuch tells whether what one batch has for an idle session would fill its
// queue. Such a page is not slow, it only gets much at once.
func (n *node) isTooMuch(s *session) bool {
	size := 0
	for _, p := range s.due {
		size += p.size
	}
	return size > n.bound/2 && n.history.covers(s.last) && s.isIdle()
}

// problem notes what the application is to hear of: not under the lock, because
// it may ask the plugin something then.
func (n *node) problem(err error) { n.problems = append(n.problems, err) }

// restart begins again after the log broke: with the message d, in a new epoch,
// behind a hole, or at an offset that another message had. Every page is told
// that there is a gap.
func (n *node) restart(d delivery) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.problem(fmt.Errorf("pull: log broke after %s, goes on at %s: pages are told of a gap",
		cursor{n.epoch, n.history.last()}, cursor{d.epoch, d.offset}))
	epoch := n.epoch
	if d.epoch != n.log || d.offset < n.history.next {
		n.watches.rebase(d.offset - 1)
		epoch = n.epochAfter(d)
	}
	n.begin(d.epoch, epoch, d.offset)
	n.callRoll()
	for _, s := range n.all {
		s.behind, s.last = false, n.history.last()
		n.greet(s, false)
	}
	n.stats.gaps.Add(uint64(len(n.all)))
}

// epochAfter names the log that begins with a message. Where the broker has not
// given it another name, the message does, on every node the same: old cursors
// mean nothing any more.
func (n *node) epochAfter(d delivery) string {
	if d.epoch != n.log {
		return d.epoch
	}
	h := fnv.New64a()
	_, _ = h.Write(d.raw[:min(len(d.raw), headerBytes)])
	return d.epoch + "~" + strconv.FormatUint(h.Sum64(), 36)
}

func (n *node) applyOne(d delivery, clock time.Time) {
	now := clock.UnixNano()
	e, err := open(d.raw)
	if err != nil {
		n.problem(fmt.Errorf("%w: at %s", err, cursor{d.epoch, d.offset}))
		n.history.skip(0)
		return
	}
	e.at = max(0, min(e.at, now)) // other nodes' clocks are not to be trusted either
	if n.applied.Load() == 0 {
		clock = clock.Add(newcomer - deadNode) // from before this node: nobody knows how long
	}
	peer, fresh := n.presence.hear(e.node, e.seq, e.at, clock)
	if peer.self {
		n.applied.Store(e.seq)
	}
	if e.kind != kindEvent || !fresh {
		n.history.skip(e.at)
		if fresh {
			n.control(&e, peer)
		}
		return
	}
	n.stats.messages.Add(1)
	n.history.append(message{at: e.at, expires: e.expires, addr: e.addr, body: e.body}, now)
	n.route(n.history.next - 1)
}

// control applies a message of the plugin's own.
func (n *node) control(e *envelope, p *peer) {
	p.bye = e.kind == kindBye || p.bye && e.kind != kindHello
	n.farewell = n.farewell || p.self && e.kind == kindBye
	if p.dead {
		p.dead = false // it was out of reach: what it has announced was let go
		n.say(control(kindHello, time.Now()))
	}
	if p.self && n.presence.announcing > 0 && (e.kind == kindOnline || e.kind == kindOffline) {
		n.presence.announcing--
	}
	switch e.kind {
	case kindDisconnect:
		if !p.self { // this node has done it already
			n.expels = append(n.expels, e.list...)
		}
	case kindHello:
		if !p.self {
			n.answerRoll()
		}
	case kindOnline:
		n.changed(n.presence.online(p, e.list))
	case kindOffline:
		n.changed(n.presence.offline(p, e.list, e.at, p.self))
	case kindRoll:
		n.rolling = n.rolling && !p.self
		n.changed(n.presence.list(p, e.list, e.at))
	case kindWatch, kindExtend, kindUnwatch:
		n.applyWatch(e)
	case kindEvent, kindBeat, kindBye:
	}
	if p.self {
		n.announce() // what has happened since the last announcement
	}
}

// applyWatch applies a grant, an extension or an end. What is incomplete is not
// from this plugin.
func (n *node) applyWatch(e *envelope) {
	if len(e.list) == 0 {
		return
	}
	user, rest := e.list[0], e.list[1:]
	switch {
	case e.kind == kindUnwatch:
		n.watches.end(user, rest, n.history.last(), e.at)
	case e.kind == kindExtend:
		for _, tag := range rest {
			n.watches.extend(user, tag, e.at)
		}
	case len(rest) > 1:
		n.granted(user, parseCursor(rest[0]), rest[1:], e.at)
	}
}

// await waits until the condition holds, which it checks whenever the node has
// moved. It tells whether that was before ctx ended.
func (n *node) await(ctx context.Context, condition func() bool) bool {
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
func (n *node) movement() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()

	if n.moved == nil {
		n.moved = make(chan struct{})
	}
	return n.moved
}

// saidAll tells whether this node's farewell has come back from the log and
// everything before it has been handed to the sessions.
func (n *node) saidAll() bool {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.farewell && n.settled == n.history.last()
}

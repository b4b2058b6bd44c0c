package pull

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
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

	mu       sync.Mutex // guards what follows
	epoch    string     // empty until the log has been heard
	history  history
	watches  watches
	presence *presence
	news     news // changes of presence that pages have not been told yet
	all      []*session
	users    map[string][]*session
	seats    map[string]int // admitted sessions by user
	seated   int
	guests   int           // joined sessions without a user
	closing  bool          // no session joins any more
	settled  uint64        // every session has what is for it up to here
	moved    chan struct{} // closed when the position changes; nil when nobody waits

	// What apply leaves for the dispatcher to do without the lock.
	touched []*session
	parcels []*parcel
	expels  []string

	position atomic.Pointer[string] // the epoch, to read without the lock
	offset   atomic.Uint64          // history.last, likewise
	applied  atomic.Uint64          // last message of this node's own that was applied
	stats    counters
}

// counters are what Stats tells of the past.
type counters struct {
	messages, deliveries, cut, recovered, gaps atomic.Uint64
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

	n.parcels = n.parcels[:0]
	now := time.Now().UnixNano()
	for i, d := range batch {
		switch {
		case n.epoch == "":
			n.begin(d.epoch, d.offset)
		case d.epoch == n.epoch && d.offset < n.history.next:
			continue // known from before the subscription was renewed
		case d.epoch != n.epoch || d.offset > n.history.next:
			n.finishBatch()
			return i, true
		}
		n.applyOne(d, now)
	}
	n.finishBatch()
	return len(batch), false
}

func (n *node) begin(epoch string, offset uint64) {
	n.epoch = epoch
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
	if n.moved != nil {
		close(n.moved)
		n.moved = nil
	}
}

func (n *node) finishBatch() {
	for _, s := range n.touched {
		s.last = max(s.last, s.due[len(s.due)-1].last)
	}
	n.publishPosition()
}

// restart begins anew after the log broke: with the message d, in a new epoch
// or behind a hole. Every page is told that there is a gap.
func (n *node) restart(d delivery) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.report(fmt.Errorf("pull: log broke after %s, goes on at %s: pages are told of a gap",
		cursor{n.epoch, n.history.last()}, cursor{d.epoch, d.offset}))
	if d.epoch != n.epoch {
		n.watches.rebase(d.offset - 1)
	}
	n.begin(d.epoch, d.offset)
	for _, s := range n.all {
		s.behind, s.last = false, n.history.last()
		n.greet(s, false)
	}
	n.stats.gaps.Add(uint64(len(n.all)))
}

func (n *node) applyOne(d delivery, now int64) {
	e, err := open(d.raw)
	if err != nil {
		n.report(fmt.Errorf("%w: at %s", err, cursor{d.epoch, d.offset}))
		n.history.append(message{at: now}, now)
		return
	}
	e.at = max(0, min(e.at, now)) // other nodes' clocks are not to be trusted either
	peer, fresh := n.presence.hear(e.node, e.seq, e.at)
	ours := string(e.node) == n.id
	if ours {
		n.applied.Store(e.seq)
	}
	if e.kind != kindEvent || !fresh {
		n.history.append(message{at: e.at}, now)
		if fresh {
			n.control(&e, peer, ours)
		}
		return
	}
	n.stats.messages.Add(1)
	n.history.append(message{at: e.at, expires: e.expires, addr: e.addr, body: e.body}, now)
	n.route(n.history.next - 1)
}

// control applies a message of the plugin's own.
func (n *node) control(e *envelope, p *peer, ours bool) {
	p.bye = e.kind == kindBye
	if p.dead {
		p.dead = false // it was out of reach: what it has announced was let go
		n.say(control(kindHello, time.Now()))
	}
	switch e.kind {
	case kindWatch:
		if len(e.list) > 2 {
			n.granted(e.list[0], parseCursor(e.list[1]), e.list[2:], e.at)
		}
	case kindExtend:
		for _, tag := range e.list[min(1, len(e.list)):] {
			n.watches.extend(e.list[0], tag, e.at)
		}
	case kindUnwatch:
		if len(e.list) > 0 {
			n.watches.end(e.list[0], e.list[1:], n.history.last(), e.at)
		}
	case kindDisconnect:
		if !ours { // this node has done it already
			n.expels = append(n.expels, e.list...)
		}
	case kindHello:
		if !ours {
			n.answerRoll()
		}
	case kindOnline:
		n.changed(n.presence.online(p, e.list, ours))
	case kindOffline:
		n.changed(n.presence.offline(p, e.list, e.at, ours))
	case kindEvent, kindBeat, kindBye:
	}
}

// route gives the message at the offset to every session at its address.
func (n *node) route(offset uint64) {
	m := n.history.at(offset)
	var last *parcel
	if len(n.parcels) > 0 {
		last = n.parcels[len(n.parcels)-1]
	}
	if last != nil && last.size < parcelBytes && bytes.Equal(last.addr, m.addr) && last.last+1 == offset {
		last.add(m) // for the same sessions, on which nothing has changed in between
		return
	}
	p := &parcel{addr: m.addr, epoch: n.epoch}
	p.add(m)
	n.parcels = append(n.parcels, p)
	for t := range m.addr.terms() {
		n.routeTerm(m, t, p)
	}
}

func (n *node) routeTerm(m *message, t addressTerm, p *parcel) {
	sender := m.addr.sender()
	if t.shared {
		for _, s := range n.all {
			n.routeTo(s, t, sender, p)
		}
		return
	}
	for user := range t.users.all() {
		for _, s := range n.users[string(user)] {
			n.routeTo(s, t, sender, p)
		}
	}
	for tag := range t.tags.all() {
		for user := range n.watches.watchers(string(tag), m.at) {
			for _, s := range n.users[user] {
				n.routeTo(s, t, sender, p)
			}
		}
	}
}

func (n *node) routeTo(s *session, t addressTerm, sender []byte, p *parcel) {
	if s.behind || string(sender) == s.client && len(sender) > 0 || t.except.has(s.user) {
		return
	}
	n.hand(s, p)
}

// hand puts a parcel among what the dispatcher is about to give to a session.
func (n *node) hand(s *session, p *parcel) {
	if len(s.due) == 0 {
		n.touched = append(n.touched, s)
	} else if s.due[len(s.due)-1] == p {
		return // at the target in more than one way
	}
	s.due = append(s.due, p)
}

// reaches tells whether a message of the window is for a session.
func (n *node) reaches(m *message, s *session, now int64) bool {
	if m.addr == nil || int64(m.expires) <= now { //nolint:gosec // seconds
		return false
	}
	if sender := m.addr.sender(); len(sender) > 0 && string(sender) == s.client {
		return false
	}
	return n.isFor(m, s.user)
}

// isFor tells whether the user is at a message's target. A guest has no name.
func (n *node) isFor(m *message, user string) bool {
	for t := range m.addr.terms() {
		if (t.shared || user != "" && n.isAt(t, user, m)) && !t.except.has(user) {
			return true
		}
	}
	return false
}

func (n *node) isAt(t addressTerm, user string, m *message) bool {
	if t.users.has(user) {
		return true
	}
	for tag := range t.tags.all() {
		if n.watches.hears(user, string(tag), m) {
			return true
		}
	}
	return false
}

// page reads on in the window for a session that is behind. When there is
// nothing more, the session is live.
func (n *node) page(s *session) (items []item, more bool) {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.pageLocked(s)
}

func (n *node) pageLocked(s *session) (items []item, more bool) {
	if !s.behind {
		return nil, false
	}
	if !n.history.covers(s.last) {
		// The window has moved on while the page read: it returns for a gap.
		s.close(closeTooSlow, "too slow")
		return nil, false
	}
	found := pick(s.last, n.listsFor(s.user))
	size, most := 0, min(replayPage, n.bound/2)
	now := time.Now().Unix()
	for _, offset := range found.offsets {
		if m := n.history.at(offset); n.reaches(m, s, now) {
			body := appendMessage(make([]byte, 0, len(m.body)+maxIDBytes), m)
			if size += len(body); size > most && len(items) > 0 {
				return items, true
			}
			items = append(items, item{body: body, epoch: n.epoch, last: offset})
		}
		s.last = offset
	}
	if found.complete {
		s.behind = false
		return items, false
	}
	s.last = found.upTo
	return items, true
}

// listsFor returns the positions of everything that may be for a user.
func (n *node) listsFor(user string) []*offsets {
	lists := []*offsets{&n.history.shared}
	if user == "" {
		return lists
	}
	if list := n.history.users[user]; list != nil {
		lists = append(lists, list)
	}
	for w := range n.watches.of(user) {
		if list := n.history.tags[w.tag]; list != nil && !slices.Contains(lists, list) {
			lists = append(lists, list)
		}
	}
	return lists
}

var (
	errNoLog   = errors.New("pull: the log is not reached yet")
	errClosing = errors.New("pull: shutting down")
)

// greet tells a live session where the log is now.
func (n *node) greet(s *session, recovered bool) {
	s.moveTo(n.epoch)
	s.push(item{body: n.hello(s, recovered), epoch: n.epoch, last: n.history.last()})
}

// join makes a session live. In one step it learns the position of the log,
// what it has missed since its cursor, and is routed everything that follows.
func (n *node) join(s *session) error {
	at := s.at
	n.mu.Lock()
	defer n.mu.Unlock()

	if n.closing {
		return errClosing
	}
	recovered := at != nil && at.epoch == n.epoch && n.history.covers(at.offset)
	s.last, s.bound = n.history.last(), n.bound
	if recovered {
		s.last, s.behind = at.offset, at.offset != n.history.last()
		s.from = at.offset
		n.stats.recovered.Add(1)
	} else if at != nil {
		n.stats.gaps.Add(1)
	}
	n.add(s)
	s.epoch = n.epoch
	items := []item{{body: n.hello(s, recovered), epoch: n.epoch, last: s.last}}
	if roll := n.rollCall(s); roll != nil {
		items = append(items, item{body: roll})
	}
	page, more := n.pageLocked(s)
	s.catching = more
	s.push(append(items, page...)...)
	return nil
}

func (n *node) add(s *session) {
	s.slot = len(n.all)
	n.all = append(n.all, s)
	if s.user == "" {
		n.guests++
		return
	}
	n.users[s.user] = append(n.users[s.user], s)
	if len(n.users[s.user]) == 1 && n.presence.arrive(s.user) {
		n.announceGone()
		n.say(control(kindOnline, time.Now(), s.user))
	}
}

// leave takes a session out, and tells whether somebody has to wait for its
// user's grace.
func (n *node) leave(s *session) (wait bool) {
	n.mu.Lock()
	defer n.mu.Unlock()

	last := len(n.all) - 1
	if s.slot > last || n.all[s.slot] != s {
		return false // never joined
	}
	n.all[s.slot] = n.all[last]
	n.all[s.slot].slot = s.slot
	n.all[last] = nil
	n.all = n.all[:last]
	if s.user == "" {
		n.guests--
		return false
	}
	pages := n.users[s.user]
	i := slices.Index(pages, s)
	n.users[s.user] = slices.Delete(pages, i, i+1)
	if len(n.users[s.user]) > 0 {
		return false
	}
	delete(n.users, s.user)
	return n.presence.depart(s.user, time.Now())
}

// admit reserves a place for a session before its connection is accepted.
func (n *node) admit(user string, most, mostPerUser int) error {
	n.mu.Lock()
	defer n.mu.Unlock()

	if n.applied.Load() == 0 {
		return errNoLog // not even the node's own first message has come back
	}
	if most > 0 && n.seated >= most {
		return errFull
	}
	if user != "" && mostPerUser > 0 && n.seats[user] >= mostPerUser {
		return errFullForUser
	}
	n.seated++
	if user != "" {
		n.seats[user]++
	}
	return nil
}

var (
	errFull        = errors.New("too many connections")
	errFullForUser = errors.New("too many connections of this user")
)

func (n *node) release(user string) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.seated--
	if user == "" {
		return
	}
	if n.seats[user]--; n.seats[user] == 0 {
		delete(n.seats, user)
	}
}

// seal lets no further session join, and returns those that have.
func (n *node) seal() []*session {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.closing = true
	return slices.Clone(n.all)
}

// sessionsOf returns the sessions of a user, or all where the user is empty.
func (n *node) sessionsOf(user string) []*session {
	n.mu.Lock()
	defer n.mu.Unlock()

	if user == "" {
		return slices.Clone(n.all)
	}
	return slices.Clone(n.users[user])
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

	self := n.presence.peers[n.id]
	return self != nil && self.bye && n.settled == n.history.last()
}

// sessionOf returns the user's session of a page, or nil.
func (n *node) sessionOf(user, client string) *session {
	n.mu.Lock()
	defer n.mu.Unlock()

	for _, s := range n.users[user] {
		if s.client == client {
			return s
		}
	}
	return nil
}

package hub

import (
	"errors"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
)

var (
	ErrNoLog   = errors.New("pull: the log is not reached yet")
	errClosing = errors.New("pull: shutting down")
	ErrBanned  = errors.New("pull: disconnected")
	ErrCrowd   = errors.New("pull: too many pages are ahead of the log")
)

// greet tells a live session where the log is now.
func (n *Hub) greet(s *Page, recovered bool) {
	s.MoveTo(n.epoch, n.history.Last())
	s.Push(conn.Item{Body: n.hello(s, recovered), Epoch: n.epoch, Last: n.history.Last()})
}

// hello returns the first message of a connection.
func (n *Hub) hello(s *Page, recovered bool) []byte {
	h := protocol.Hello{Epoch: n.epoch, Offset: n.history.Last(), User: s.User, Recovered: recovered, Tick: n.config.Tick}
	return h.Encode(time.Now())
}

// Join makes a session live. In one step it learns the position of the log,
// what it has missed since its cursor, and is routed everything that follows.
func (n *Hub) Join(s *Page, at *envelope.Cursor, began uint64) error {
	w, err := n.enter(s, at, began)
	if err != nil {
		return err
	}
	items := w.items()
	missed := slices.Clone(items[1 : 1+len(w.missed.messages)]) // the rest is the connection's now
	s.Welcome(items)
	s.Pay(missed, w.missed.more)
	return nil
}

// A welcome is what a page gets first.
type welcome struct {
	hello  conn.Item
	missed replay
	roll   []byte // nil if the page does not hear who is online
}

func (w *welcome) items() []conn.Item {
	items := append(make([]conn.Item, 0, 2+len(w.missed.messages)), w.hello)
	items = w.missed.appendItems(items)
	if w.roll != nil {
		items = append(items, conn.Item{Body: w.roll})
	}
	return items
}

// enter lets a session in. From now on messages are routed to it, which wait until
// it has begun.
func (n *Hub) enter(s *Page, at *envelope.Cursor, began uint64) (w welcome, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()

	if n.closing {
		return w, errClosing
	}
	if n.roster.isBanned(s.User, began) {
		return w, ErrBanned
	}
	recovered := at != nil && at.Epoch == n.epoch && n.history.Covers(at.Offset) && !n.watches.hasLost(s.User, at.Offset)
	s.last = n.history.Last()
	if recovered {
		s.last, s.behind = at.Offset, at.Offset != n.history.Last()
		s.from = at.Offset
		n.stats.recovered.Add(1)
	} else if at != nil {
		n.stats.gaps.Add(1)
	}
	if n.roster.add(s) {
		n.presence.sweep(time.Now()) // a grace that has just ended is over
		n.presence.arrive(s.User)
		n.announce()
	}
	w.hello = conn.Item{Body: n.hello(s, recovered), Epoch: n.epoch, Last: s.last}
	w.missed = n.read(s)
	w.roll = n.rollCall(s)
	told := w.hello.Last
	if missed := w.missed.messages; len(missed) > 0 {
		told = missed[len(missed)-1].Offset
	}
	s.Hold(n.epoch, told, w.missed.more)
	return w, nil
}

// Leave takes a page out, and reports whether the grace of its user has begun.
func (n *Hub) Leave(s *Page) (wait bool) {
	n.mu.Lock()
	defer n.mu.Unlock()

	if n.roster.remove(s) {
		wait = n.presence.depart(s.User, time.Now())
		n.announce()
	}
	return wait
}

// Admit reserves a place for a connection, as [roster.admit] does. No page comes
// in before the node has heard of itself in the log.
func (n *Hub) Admit(payer, user string, doubtful bool, most, mostOfPayer int) error {
	n.mu.Lock()
	defer n.mu.Unlock()

	if n.applied.Load() == 0 {
		return ErrNoLog
	}
	return n.roster.admit(payer, user, doubtful, most, mostOfPayer)
}

// Release gives back a place that was reserved.
func (n *Hub) Release(payer string) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.roster.release(payer)
}

// SeatsOf returns how many connections of a payer were admitted and have not ended.
func (n *Hub) SeatsOf(payer string) int {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.roster.seats[payer]
}

// Disconnects returns how many there were. A page that began to connect before
// its user was disconnected does not join afterwards.
func (n *Hub) Disconnects() uint64 { return n.roster.disconnects.Load() }

// Disconnect keeps the user's pages that are about to join from it, and returns
// those that have.
func (n *Hub) Disconnect(user string) []*Page {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.roster.ban(user, time.Now())
}

// Seal lets no further page join, and returns those that have.
func (n *Hub) Seal() []*Page {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.closing = true
	return slices.Clone(n.roster.all)
}

// Sessions returns the pages that have joined.
func (n *Hub) Sessions() []*Page {
	n.mu.Lock()
	defer n.mu.Unlock()

	return slices.Clone(n.roster.all)
}

// SessionOf returns the user's page with an id, or nil.
func (n *Hub) SessionOf(user, client string) *Page {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.roster.find(user, client)
}

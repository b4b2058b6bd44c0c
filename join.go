package pull

import (
	"errors"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
)

var (
	errNoLog   = errors.New("pull: the log is not reached yet")
	errClosing = errors.New("pull: shutting down")
	errBanned  = errors.New("pull: disconnected")
	errCrowd   = errors.New("pull: too many pages are ahead of the log")

	errFull         = errors.New("too many connections")
	errFullForPayer = errors.New("too many connections of one payer")
	errDoubtful     = errors.New("disconnected a moment ago, try again")
)

// greet tells a live session where the log is now.
func (n *node) greet(s *session, recovered bool) {
	s.MoveTo(n.epoch, n.history.Last())
	s.Push(conn.Item{Body: n.hello(s, recovered), Epoch: n.epoch, Last: n.history.Last()})
}

// hello returns the first message of a connection.
func (n *node) hello(s *session, recovered bool) []byte {
	h := protocol.Hello{Epoch: n.epoch, Offset: n.history.Last(), User: s.user, Recovered: recovered, Tick: n.tick}
	return h.Encode(time.Now())
}

// join makes a session live. In one step it learns the position of the log,
// what it has missed since its cursor, and is routed everything that follows.
func (n *node) join(s *session, at *envelope.Cursor, began uint64) error {
	w, err := n.let(s, at, began)
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

// let lets a session in. From now on messages are routed to it, which wait until
// it has begun.
func (n *node) let(s *session, at *envelope.Cursor, began uint64) (w welcome, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()

	if n.closing {
		return w, errClosing
	}
	if n.bans[s.user].number > began {
		return w, errBanned
	}
	recovered := at != nil && at.Epoch == n.epoch && n.history.Covers(at.Offset) && !n.watches.hasLost(s.user, at.Offset)
	s.last = n.history.Last()
	if recovered {
		s.last, s.behind = at.Offset, at.Offset != n.history.Last()
		s.from = at.Offset
		n.stats.recovered.Add(1)
	} else if at != nil {
		n.stats.gaps.Add(1)
	}
	n.add(s)
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

func (n *node) add(s *session) {
	s.slot = int32(len(n.all)) //nolint:gosec // there are fewer
	n.all = append(n.all, s)
	s.turn, n.turn = n.turn, (n.turn+1)%tickSlots
	s.place = int32(len(n.turns[s.turn])) //nolint:gosec // there are fewer
	n.turns[s.turn] = append(n.turns[s.turn], s)
	if s.user == "" {
		n.guests++
		return
	}
	n.users[s.user] = append(n.users[s.user], s)
	if len(n.users[s.user]) == 1 {
		n.presence.sweep(time.Now()) // a grace that has just ended is over
		n.presence.arrive(s.user)
		n.announce()
	}
}

// leave takes a session out, and tells whether somebody has to wait for its
// user's grace.
func (n *node) leave(s *session) (wait bool) {
	n.mu.Lock()
	defer n.mu.Unlock()

	if int(s.slot) >= len(n.all) || n.all[s.slot] != s {
		return false // never joined
	}
	n.all = removeAt(n.all, int(s.slot), func(moved *session) { moved.slot = s.slot })
	n.turns[s.turn] = removeAt(n.turns[s.turn], int(s.place), func(moved *session) { moved.place = s.place })
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
	wait = n.presence.depart(s.user, time.Now())
	n.announce()
	return wait
}

// removeAt takes an item out of a list in which order does not matter: the last
// one moves to its place.
func removeAt[T any](list []*T, at int, move func(moved *T)) []*T {
	last := len(list) - 1
	move(list[last])
	list[at], list[last] = list[last], nil
	return list[:last]
}

// admit reserves a place for a connection before it is accepted. It is refused if
// there are most of them already, or mostOfPayer of the one to whom it is charged,
// and if its login may have been checked before a disconnect of the user.
func (n *node) admit(payer, user string, doubtful bool, most, mostOfPayer int) error {
	n.mu.Lock()
	defer n.mu.Unlock()

	if n.applied.Load() == 0 {
		return errNoLog // not even the node's own first message has come back
	}
	if most > 0 && n.seated >= most {
		return errFull
	}
	if n.seats[payer] >= mostOfPayer {
		return errFullForPayer
	}
	if b, banned := n.bans[user]; banned && doubtful && time.Since(b.at) < doubtWait {
		return errDoubtful
	}
	n.seated++
	n.seats[payer]++
	return nil
}

// release gives back a place that was reserved.
func (n *node) release(payer string) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.seated--
	if n.seats[payer]--; n.seats[payer] == 0 {
		delete(n.seats, payer)
	}
}

// seatsOf returns how many sessions of a payer were admitted and have not ended.
func (n *node) seatsOf(payer string) int {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.seats[payer]
}

// A ban is when a user was disconnected, as the number of the disconnect.
type ban struct {
	user   string
	number uint64
	at     time.Time
}

// doubtWait is for how long after a disconnect a page of the user is sent away
// once more if its login may have been checked before: nobody knows when the
// request began. The next one passes the login again.
const doubtWait = 5 * time.Second

// disconnects returns how many there were. A session that began to connect
// before its user was disconnected does not join afterwards.
func (n *node) disconnects() uint64 { return n.banned.Load() }

// disconnect keeps the user's sessions that are about to join from it, and
// returns those that have.
func (n *node) disconnect(user string) []*session {
	n.mu.Lock()
	defer n.mu.Unlock()

	return n.ban(user)
}

func (n *node) ban(user string) []*session {
	b := ban{user, n.banned.Add(1), time.Now()}
	n.bans[user] = b
	n.banning.Push(b)
	return slices.Clone(n.users[user])
}

// forgive forgets bans that no handshake can still be older than.
func (n *node) forgive(now time.Time) {
	for n.banning.Len() > 0 && now.Sub(n.banning.At(0).at) > time.Minute {
		if b := n.banning.Pop(); n.bans[b.user] == b {
			delete(n.bans, b.user)
		}
	}
}

// seal lets no further session join, and returns those that have.
func (n *node) seal() []*session {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.closing = true
	return slices.Clone(n.all)
}

// sessions returns those that have joined.
func (n *node) sessions() []*session {
	n.mu.Lock()
	defer n.mu.Unlock()

	return slices.Clone(n.all)
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

package hub

import (
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
)

// Join makes a page live. In one step, the page learns the position of the log,
// gets what it has missed since its cursor, and every later message is routed
// to it. began is the result of Disconnects when the page began to connect.
func (h *Hub) Join(p *Page, at *envelope.Cursor, began uint64) error {
	return h.JoinWatching(p, at, began, nil, nil)
}

// JoinWatching is Join for a page that presents grants. Its watches are part of the
// replay. answer returns the message about what became of the grants, which follows
// hello; it is called without the lock.
func (h *Hub) JoinWatching(p *Page, at *envelope.Cursor, began uint64, presented []Presented, answer func() []byte) error {
	w, err := h.addPage(p, at, began, presented)
	if err != nil {
		return err
	}
	if answer != nil && !p.Form().IsHTML() {
		w.hello.Body = append(append(w.hello.Body, ','), answer()...)
	}
	h.stats.replayed.Add(uint64(len(w.missed.messages)))
	items := w.items()
	missed := slices.Clone(items[1 : 1+len(w.missed.messages)]) // the connection owns items from now on
	p.Welcome(items)
	p.ChargeReplay(missed, w.missed.more)
	return nil
}

// A welcome is what a page gets first.
type welcome struct {
	hello  conn.Item
	missed replay
	online []byte // nil if the page does not receive presence
}

func (w *welcome) items() []conn.Item {
	items := append(make([]conn.Item, 0, 2+len(w.missed.messages)), w.hello)
	items = w.missed.appendItems(items)
	if w.online != nil {
		items = append(items, conn.Item{Body: w.online})
	}
	return items
}

// addPage adds a page to the roster. From now on messages are routed to it;
// they wait in its connection until the welcome is queued.
func (h *Hub) addPage(p *Page, at *envelope.Cursor, began uint64, presented []Presented) (w welcome, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()

	if err := h.checkJoin(p, began); err != nil {
		return w, err
	}
	begins := h.startOf(p.User, at)
	cause, recovered := begins.cause(), begins == startRecovered
	p.last = h.history.Last()
	if recovered {
		p.last, p.behind = at.Offset, at.Offset != h.history.Last()
		h.stats.recovered.Add(1)
	}
	p.start(begins, p.last, h.history.Last(), time.Now())
	if h.roster.add(p) {
		h.presence.endGraces(time.Now()) // the user's own grace may have ended just now
		h.presence.userJoined(p.User)
		h.announce()
	}
	if h.terms.add(p, time.Now()) && p.User == "" {
		h.roster.name(p) // it renews its session by requests
	}
	h.addPageWatches(p, presented, recovered)
	if cause == "" && hasGap(presented) {
		cause = startGrant.cause()
	}
	if cause != "" {
		h.stats.gaps.Add(cause, 1)
	}
	w.hello = h.helloOf(p, recovered, cause != "")
	w.missed = h.readWindow(p)
	w.online = h.onlineListFor(p)
	sent := w.hello.Last
	if missed := w.missed.messages; len(missed) > 0 {
		sent = missed[len(missed)-1].Offset
	}
	p.Hold(h.epoch, sent, w.missed.more)
	return w, nil
}

// checkJoin returns why a page may not join any more, or nil.
func (h *Hub) checkJoin(p *Page, began uint64) error {
	lease := h.terms.leaseOf(p)
	switch {
	case h.stopping:
		return ErrStopping
	case h.roster.isBanned(p.User, began):
		return ErrDisconnected
	case lease.IsOver(time.Now()) || h.ends.has(lease.SessionID()):
		return ErrSessionOver
	}
	return nil
}

// HasRecovered reports whether a page that has joined continued from a cursor.
func (h *Hub) HasRecovered(p *Page) bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	return p.course.start() == startRecovered
}

// mayLackWatches reports whether a user may watch a tag, or have watched it after
// an offset, without this node knowing it, or with this node having learned of it too
// late for a page at the offset.
func (h *Hub) mayLackWatches(user string, offset uint64) bool {
	forgotten := user != "" && !h.forgotUntil.IsZero() && time.Now().Before(h.forgotUntil)
	return forgotten || h.watches.hasLost(user, offset) || h.watches.ended.isPastLate(user, offset)
}

// ForgetWatches makes known that until a time there may be watches that this node
// does not know. A page of a user that returns before is notified of a gap.
func (h *Hub) ForgetWatches(until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.forgotUntil = until
}

// sendGap notifies a live page of a gap: it is at the position of the log now.
func (h *Hub) sendGap(p *Page, cause start) {
	p.behind, p.last = false, h.history.Last()
	p.restart(cause, p.last)
	p.SetPosition(h.epoch, h.history.Last())
	p.Push(h.helloOf(p, false, true))
}

// helloOf returns the first message of a connection, which also follows each gap. The
// page is at p.last. An html stream has no hello, but its position or the gap.
func (h *Hub) helloOf(p *Page, recovered, gap bool) conn.Item {
	v, now := p.Form().Version(), time.Now()
	var b []byte
	switch {
	case !v.IsHTML():
		b = h.encodeHello(p, recovered)
	case gap:
		b = v.AppendHTMLGap(protocol.AppendHTMLRetry(nil), h.epoch, p.last, now.UnixMilli())
	default:
		b = protocol.AppendHTMLPosition(protocol.AppendHTMLRetry(nil), h.epoch, p.last)
	}
	return p.Form().Item(b, h.epoch, p.last)
}

// encodeHello returns the hello for a page.
func (h *Hub) encodeHello(p *Page, recovered bool) []byte {
	hello := protocol.Hello{Version: p.Form().Version(), Epoch: h.epoch, Offset: h.history.Last(), User: p.User, Recovered: recovered, Tick: h.config.Tick, Push: h.config.Push}
	return hello.Encode(time.Now())
}

// Leave removes a page. It reports whether a grace has begun, so that the clock
// has to check NextGraceEnd again.
func (h *Hub) Leave(p *Page) (graceStarted bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	lost := p.IsLost()
	graceStarted = h.removePage(p)
	delete(h.leaving, p)
	if lost {
		h.pageLost(p, time.Now())
	}
	if p.began > 0 {
		h.past.add(h.sessionOf(p), time.Now())
	}
	return graceStarted
}

// removePage is Leave for a caller that holds mu. The page gets nothing more. If its
// connection is still open, the caller closes it; it ignores a page that is gone.
func (h *Hub) removePage(p *Page) (graceStarted bool) {
	if !h.roster.has(p) {
		h.terms.remove(p)
		return false
	}
	h.leaving[p] = h.history.Last()
	h.dropPageWatches(p)
	h.terms.remove(p)
	if h.roster.remove(p) {
		graceStarted = h.presence.userLeft(p.User, time.Now())
		h.announce()
	}
	return graceStarted
}

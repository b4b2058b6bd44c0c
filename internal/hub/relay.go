package hub

import (
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/window"
)

// relay routes a message of a page, or an update, to the pages at its address that are
// connected now, unless it has expired. They get an update as an event. The window does
// not keep it. A page that is behind misses it.
func (h *Hub) relay(e *envelope.Envelope, raw []byte, now int64) {
	if int64(e.Expires) <= now/int64(time.Second) { //nolint:gosec // seconds
		return
	}
	m := window.NewMessage(raw, len(e.Addr), len(e.Body))
	m.Offset, m.Aged = h.history.Last(), h.history.Latest()
	b := h.round.newBundle(h.epoch, nil, &m)
	b.relay, b.open = e.Kind == envelope.KindRelay, true
	for t := range e.Addr.Terms() {
		h.routeTerm(&m, t, b)
	}
}

// appendRelay appends a message of a page, and a tick. The message itself has no
// offset, because no replay has it. With the tick, the page is past the message
// wherever it connects next: no node that reads the log later delivers it again. tab is
// the number of the one of the page's tabs that has sent the message, or nil.
func appendRelay(b []byte, as conn.Form, epoch string, m *window.Message, tab []byte) []byte {
	sender := envelope.SenderUser(envelope.Address(m.Addr()).Sender())
	b = as.Version().AppendMessage(b, sentAt(m), string(sender), tab, m.Body())
	return append(append(b, ','), protocol.Tick(epoch, m.Offset)...)
}

// MaySendTo reports whether a page of the user may send to a tag: the page, which is
// nil if it is not on this node, or the user watches the tag.
func (h *Hub) MaySendTo(p *Page, user, tag string, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()

	return p != nil && p.watches.find(tag) != nil || h.watches.has(user, tag, now.UnixNano())
}

package hub

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/protocol"
)

// newHub returns a hub without an engine around it, and its dispatcher.
func newHub(configure func(*Config)) (*Hub, *Dispatcher) {
	c := Config{
		MaxTagsPerUser: 10_000, MaxUsersPerTag: 100_000,
		WindowAge: 5 * time.Minute, WindowCount: 100_000, WindowBytes: 64 << 20,
		WatchTTL: 32 * time.Minute, Grace: 15 * time.Second, Tick: 25 * time.Second,
		Report: func(error) {}, Publish: func([]byte) {}, Notify: func([]Change) {},
	}
	configure(&c)
	h := New(c, 1<<20, func(f func()) { go f() })
	return h, NewDispatcher(h, 0)
}

// An owner owns a page without a plugin.
type owner struct {
	hub       *Hub
	page      Page
	afterRead func()
}

func newPage(h *Hub, user string, t conn.Transport) *Page { return &newOwner(h, user, t).page }

func newOwner(h *Hub, user string, t conn.Transport) *owner {
	o := &owner{hub: h, page: Page{User: user}}
	o.page.SetOwner(o, protocol.V2)
	o.page.SetTransport(t)
	return o
}

func (o *owner) Settings() *conn.Settings { return &o.hub.Conns }
func (*owner) Connected()                 {}
func (*owner) Received([]byte)            {}
func (o *owner) ReadOn() ([]conn.Item, bool) {
	items, more := o.hub.ReadOn(&o.page)
	if o.afterRead != nil {
		o.afterRead()
	}
	return items, more
}
func (*owner) Charge(int) bool { return true }
func (*owner) Ended()          {}

// discard is a WebSocket transport that accepts everything.
type discard struct{ *conn.Socket }

func (discard) Start(*conn.Conn)                            {}
func (discard) Offer(_ *conn.Nonblocking, frame []byte) int { return len(frame) }
func (discard) WriteAll([]byte) error                       { return nil }
func (discard) Limit(time.Duration)                         {}
func (discard) Finish()                                     {}
func (discard) Cut()                                        {}

// plain is a transport that accepts everything.
type plain struct{ conn.Transport }

func (plain) Start(*conn.Conn)                            {}
func (plain) Offer(_ *conn.Nonblocking, frame []byte) int { return len(frame) }
func (plain) Limit(time.Duration)                         {}
func (plain) Finish()                                     {}
func (plain) Cut()                                        {}

// A recorder is a plain transport that records the frames.
type recorder struct {
	plain
	frames []string
}

func (r *recorder) Offer(_ *conn.Nonblocking, frame []byte) int {
	r.frames = append(r.frames, string(frame))
	return len(frame)
}

func (r *recorder) WriteAll(p []byte) error {
	r.frames = append(r.frames, string(p))
	return nil
}

// find returns the index of a text in what the page was sent, or -1.
func (r *recorder) find(page *Page, text string) (index int) {
	page.Flush()
	return strings.Index(strings.Join(r.frames, ""), text)
}

// A writer makes the envelopes that another node would send.
type writer struct{ seq uint64 }

func (w *writer) next(raw []byte) broker.Delivery {
	w.seq++
	envelope.Stamp(raw, "somebody", w.seq)
	return delivery("log", w.seq, raw)
}

func delivery(epoch string, offset uint64, raw []byte) broker.Delivery {
	return broker.Delivery{Epoch: epoch, Offset: offset, Raw: raw}
}

func (w *writer) message(to event.Target, body string) broker.Delivery {
	raw := binary.AppendUvarint(envelope.AppendHeader(nil, envelope.KindEvent, time.Now()), 1<<40)
	return w.next(append(event.AppendTarget(raw, "", &to), `"tasks:update","`+body+`"]`...))
}

func (w *writer) grant(user, from, tag string) broker.Delivery {
	return w.next(envelope.Control(envelope.KindWatch, time.Now(), user, from, tag))
}

package pull

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

func benchPlugin(b *testing.B) *Plugin {
	b.Helper()
	p, err := New(Config{
		User:   func(c echo.Context) (string, error) { return c.Request().Header.Get("X-User"), nil },
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = p.Shutdown(b.Context()) })
	if err := p.Register(Module{ID: "tasks", Use: PublicSection}); err != nil {
		b.Fatal(err)
	}
	return p
}

type task struct {
	ID    int    `json:"id"`
	Title string `json:"title"`
}

// BenchmarkRequest is the request path of Echo: what the plugin adds to a
// request is the difference to "bare".
func BenchmarkRequest(b *testing.B) {
	send := func(n int) echo.HandlerFunc {
		return Handler(func(c Context) error {
			for range n {
				if err := c.Pull().Send(event.User("42"), event.Event{Module: "tasks", Command: "update", Params: &task{7, "Write it down"}}); err != nil {
					return err
				}
			}
			return c.NoContent(http.StatusNoContent)
		})
	}
	for _, bc := range []struct {
		name    string
		handler echo.HandlerFunc
		plugin  bool
	}{
		{"bare", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, false},
		{"middleware", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, true},
		{"handler", send(0), true},
		{"events=1", send(1), true},
		{"events=10", send(10), true},
	} {
		b.Run(bc.name, func(b *testing.B) {
			e := echo.New()
			if bc.plugin {
				e.Use(benchPlugin(b).Middleware())
			}
			e.GET("/", bc.handler)
			r, w := httptest.NewRequest(http.MethodGet, "/", nil), new(nobody)
			b.ReportAllocs()
			for b.Loop() {
				e.ServeHTTP(w, r)
				if w.status != http.StatusNoContent {
					b.Fatal(w.status)
				}
			}
		})
	}
}

type nobody struct {
	header http.Header
	status int
}

func (w *nobody) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}
func (w *nobody) WriteHeader(status int)      { w.status = status }
func (w *nobody) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkEncode(b *testing.B) {
	p := benchPlugin(b)
	t, e, now := event.User("42"), event.Event{Module: "tasks", Command: "update", Params: &task{7, "Write it down"}}, time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.encode(&t, &e, "", now); err != nil {
			b.Fatal(err)
		}
	}
}

// A stub is the owner of a session without a plugin.
type stub struct {
	node      *node
	session   session
	afterRead func()
}

func newSession(n *node, user string, l conn.Transport) *session { return &newStub(n, user, l).session }

func newStub(n *node, user string, l conn.Transport) *stub {
	s := &stub{node: n, session: session{user: user}}
	s.session.Open(s)
	s.session.Carry(l)
	return s
}

func (s *stub) Settings() *conn.Settings { return &s.node.conns }
func (*stub) Connected()                 {}
func (*stub) Received([]byte)            {}
func (s *stub) ReadOn() ([]conn.Item, bool) {
	items, more := s.node.page(&s.session)
	if s.afterRead != nil {
		s.afterRead()
	}
	return items, more
}
func (*stub) Charge(int) bool { return true }

// nowhere is a link that takes everything.
type nowhere struct{ *conn.Socket }

func (nowhere) Start(*conn.Conn)                            {}
func (nowhere) Offer(_ *conn.Nonblocking, frame []byte) int { return len(frame) }
func (nowhere) WriteAll([]byte) error                       { return nil }
func (nowhere) Limit(time.Duration)                         {}
func (nowhere) Finish()                                     {}
func (nowhere) Cut()                                        {}

// BenchmarkRouteToOneUser shows that the cost of a message to one user does not
// grow with the number of sessions.
func BenchmarkRouteToOneUser(b *testing.B) {
	for _, sessions := range []int{100, 1_000, 10_000} {
		b.Run("sessions="+strconv.Itoa(sessions), func(b *testing.B) {
			p := benchPlugin(b)
			for i := range sessions {
				s := newSession(p.node, strconv.Itoa(i), nowhere{})
				if err := p.node.join(s, nil, 0); err != nil {
					b.Fatal(err)
				}
				s.Flush() // hello has left
			}
			t, e := event.User("42"), event.Event{Module: "tasks", Command: "update", Params: &task{7, "Write it down"}}
			raw, err := p.encode(&t, &e, "", time.Now())
			if err != nil {
				b.Fatal(err)
			}
			d := newDispatcher(p.node, 0)
			batch := make([]broker.Delivery, 1)
			from := p.node.cursor()
			p.stop() // the benchmark is the only one who applies
			p.running.Wait()
			b.ReportAllocs()
			seq := uint64(0)
			for b.Loop() {
				seq++
				envelope.Stamp(raw, "benching", seq)
				batch[0] = broker.Delivery{Epoch: from.Epoch, Offset: p.node.history.Next(), Raw: raw}
				d.dispatch(batch)
			}
		})
	}
}

// BenchmarkSend is what a handler waits for: checking, encoding, collecting.
func BenchmarkSend(b *testing.B) {
	p := benchPlugin(b)
	o := &Outbox{plugin: p}
	t, e := event.User("42"), event.Event{Module: "tasks", Command: "update", Params: &task{7, "Write it down"}}
	b.ReportAllocs()
	for b.Loop() {
		if err := o.Send(t, e); err != nil {
			b.Fatal(err)
		}
		o.Discard()
	}
}

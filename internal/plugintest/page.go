package plugintest

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/session"
	"github.com/echo-pull/pull/internal/web"
)

// arrival is how long Expect waits for an event that nobody has sent yet.
const arrival = 2 * time.Second

// A Page is a page of a user, connected without a network. It receives what a
// browser would receive, in the same order, and within the same limits. It is safe
// for concurrent use.
type Page struct {
	t            testing.TB // of Open
	engine       *engine.Engine
	login        session.Session
	user, client string
	inbox        *inbox

	mu   sync.Mutex // guards wire
	wire *wire      // the last connection
}

// Open implements the functions of package pulltest.
func Open(t testing.TB, w engine.Watches, login *session.Session, cursor string) *Page {
	t.Helper()
	p := &Page{t: t, engine: engine.Of(w), user: login.User, login: *login, client: envelope.NewID() + "-test", inbox: newInbox()}
	if cursor != "" {
		p.inbox.cursor = envelope.ParseCursor(cursor)
	}
	p.connect(t)
	t.Cleanup(p.cut)
	return p
}

// connect connects at the page's position.
func (p *Page) connect(t testing.TB) {
	t.Helper()
	settle(t, p.engine) // what was sent before is not for a new page
	cursor, answered, others := p.inbox.connects()
	v := web.Visit{User: p.user, Lease: session.LeaseOf(&p.login, time.Now()), Client: p.client, Cursor: cursor, Grants: answered}
	err := web.Of(p.engine).Attach(v, func(c *conn.Conn, o conn.Owner) conn.Transport {
		p.mu.Lock()
		defer p.mu.Unlock()

		p.wire = newWire(c, o, p.inbox.take)
		return p.wire
	})
	if err != nil {
		t.Fatalf("pulltest: the page of user %q is refused: %v", p.user, err)
	}
	if others != nil {
		p.Request(t, map[string]any{"watch": others})
	}
}

// Client returns the page's id, for the header Pull-Client of its requests.
func (p *Page) Client() string { return p.client }

// Cursor returns the position in the log up to which the page has received
// everything for it.
func (p *Page) Cursor() string {
	p.settle(p.t)
	return p.inbox.position()
}

// connection returns the last connection.
func (p *Page) connection() *wire {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.wire
}

// settle waits until the page has what was published.
func (p *Page) settle(t testing.TB) {
	t.Helper()
	w := p.connection()
	select {
	case <-w.gone:
		return
	default:
	}
	settle(t, p.engine)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.settle(ctx); err != nil {
		t.Fatalf("pulltest: the page stands still: %v", err)
	}
	if _, err := p.inbox.state(); err != nil {
		t.Fatalf("pulltest: the page received what no client understands: %v", err)
	}
}

// Expect takes the first event with this name that the test has not taken yet, and
// decodes its params into v, unless v is nil. It fails the test, and ends it, if
// there is none. Events with other names stay. Expect waits until the page has
// everything that was published before the call, and two seconds more for an event
// that somebody else is about to send.
func (p *Page) Expect(t testing.TB, module, command string, v any) {
	t.Helper()
	p.settle(t)
	name := nameOf(module, command)
	m, found := p.await(name)
	if !found {
		t.Fatalf("pulltest: the page of user %q has no %s. It has, and the test did not expect:%s", p.user, name, p.inbox)
	}
	if v == nil {
		return
	}
	if err := json.Unmarshal(m.params, v); err != nil {
		t.Fatalf("pulltest: the params of %s: %v", m, err)
	}
}

// await takes a message from the inbox, and waits for it.
func (p *Page) await(name string) (message, bool) {
	late := time.NewTimer(arrival)
	defer late.Stop()
	for w := p.connection(); ; {
		m, found, arrived := p.inbox.pop(name)
		if found {
			return m, true
		}
		select {
		case <-arrived:
		case <-w.gone:
			m, found, _ = p.inbox.pop(name) // the last one
			return m, found
		case <-late.C:
			return message{}, false
		}
	}
}

// nameOf returns the name of an event in the protocol.
func nameOf(module, command string) string { return strings.ToLower(module) + ":" + command }

// Refute fails the test if the page has an event with this name that the test has
// not taken. It waits until the page has everything that was published before the
// call, and no longer.
func (p *Page) Refute(t testing.TB, module, command string) {
	t.Helper()
	p.settle(t)
	if found := p.inbox.find(nameOf(module, command)); len(found) > 0 {
		t.Errorf("pulltest: the page of user %q has %v, want none. It has, and the test did not expect:%s", p.user, found[0], p.inbox)
	}
}

// ExpectGap fails the test unless the page was notified of a gap since the last
// ExpectGap.
func (p *Page) ExpectGap(t testing.TB) {
	t.Helper()
	p.settle(t)
	if p.inbox.takeGaps() == 0 {
		t.Errorf("pulltest: the page of user %q was not notified of a gap. It has, and the test did not expect:%s", p.user, p.inbox)
	}
}

// RefuteGap fails the test if the page was notified of a gap since the last
// ExpectGap.
func (p *Page) RefuteGap(t testing.TB) {
	t.Helper()
	p.settle(t)
	if p.inbox.takeGaps() > 0 {
		t.Errorf("pulltest: the page of user %q was notified of a gap", p.user)
	}
}

// ExpectClose fails the test unless the server has closed the page's connection
// with this code, such as 4003 after Plugin.Disconnect.
func (p *Page) ExpectClose(t testing.TB, code int) {
	t.Helper()
	p.settle(t)
	if closed, _ := p.inbox.state(); closed == nil || closed.Code != code {
		t.Errorf("pulltest: the page of user %q was not closed with %d. It has, and the test did not expect:%s", p.user, code, p.inbox)
	}
}

// Request sends the server a request of the page, as the protocol describes them:
// map[string]any{"extend": []string{"TASK_7"}}. Expect takes the response, which is
// of module pull.
func (p *Page) Request(t testing.TB, request any) {
	t.Helper()
	frame, err := json.Marshal(request)
	if err != nil {
		t.Fatalf("pulltest: %v", err)
	}
	p.mu.Lock() // one request at a time
	defer p.mu.Unlock()
	p.inbox.requests(frame)
	p.wire.owner.Received(frame)
}

// Drop ends the page's connection, as when a network fails, once the page has
// everything that was published before.
func (p *Page) Drop() {
	p.t.Helper()
	p.settle(p.t)
	p.cut()
}

func (p *Page) cut() {
	w := p.connection()
	w.conn.Cut()
	<-w.gone
}

// Return connects the page again, at the position that it has reached, and presents
// its grants again.
func (p *Page) Return() {
	p.t.Helper()
	select {
	case <-p.connection().gone:
	default:
		p.t.Fatalf("pulltest: the page of user %q is connected: Drop it first", p.user)
	}
	p.connect(p.t)
}

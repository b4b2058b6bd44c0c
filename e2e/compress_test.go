package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/echo-pull/pull"
)

func TestCompressedFragmentInChromium(t *testing.T) {
	t.Parallel()
	testCompressed(t, inChromium(t))
}

func TestCompressedFragmentInFirefox(t *testing.T) {
	t.Parallel()
	testCompressed(t, inFirefox(t))
}

func TestCompressedFragmentInWebKit(t *testing.T) {
	t.Parallel()
	testCompressed(t, inWebKit(t))
}

// testCompressed sends a fragment to a page. The page must handle the fragment, of which at
// most a quarter may have come over its connection. What the page sends, the server must
// understand.
func testCompressed(t *testing.T, open func(address string) *view) {
	t.Helper()
	s := newSite(t, func(c *pull.Config) { c.Compress, c.Guests = true, true })
	r := startRelay(t, s.url)
	page := open("http://" + r.address + "/page")
	page.connected()
	page.run(`BX.addCustomEvent("onPullEvent-test", (command, params) => { window.html = params.html })`)
	var html strings.Builder
	for i := range 230 {
		fmt.Fprintf(&html, "<tr id=\"task-%d\"><td class=\"title\">Write <b>note %d</b> für Ann</td><td>%x</td></tr>\n", i, i, i*i*7919)
	}
	fragment := html.String()
	before := r.received.Load()

	if err := s.current().Send(t.Context(), pull.Shared(), pull.Event{Module: "test", Command: "html", Params: map[string]string{"html": fragment}}); err != nil {
		t.Fatal(err)
	}

	page.until("window.html")
	if got := page.eval("window.html"); got != fragment {
		t.Errorf("the page has %d characters of HTML, or others, want the %d that were sent", len(got), len(fragment))
	}
	got := int(r.received.Load() - before)
	t.Logf("%d bytes of HTML came as %d", len(fragment), got)
	if got > len(fragment)/4 {
		t.Errorf("%d bytes of HTML came as %d, want at most a quarter", len(fragment), got)
	}
	page.run(`BX.PULL.getUsersLastSeen([1, 2, 3].map(String)).then((seen) => { window.seen = true })`)
	page.until("window.seen")
}

// A relay passes connections on to a server, and counts what the server sends.
type relay struct {
	address  string
	received atomic.Int64
	running  sync.WaitGroup

	mu    sync.Mutex // guards pairs
	pairs []net.Conn
}

// cut ends all connections.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()

	for _, c := range r.pairs {
		_ = c.Close()
	}
	r.pairs = nil
}

func startRelay(t *testing.T, server string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &relay{address: l.Addr().String()}
	r.running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			r.running.Go(func() { r.pass(ctx, client, strings.TrimPrefix(server, "http://")) })
		}
	})
	t.Cleanup(func() {
		stop()
		_ = l.Close()
		r.running.Wait()
	})
	return r
}

// pass connects a client with the server until one of them closes, or ctx ends.
func (r *relay) pass(ctx context.Context, client net.Conn, server string) {
	defer func() { _ = client.Close() }()
	upstream, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _, _ = client.Close(), upstream.Close() })()
	r.mu.Lock()
	r.pairs = append(r.pairs, client, upstream)
	r.mu.Unlock()
	r.running.Go(func() {
		_, _ = io.Copy(upstream, client)
		_ = upstream.Close()
	})
	_, _ = io.Copy(io.MultiWriter(client, counter{&r.received}), upstream)
	_ = upstream.Close()
}

// A counter counts bytes.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

package pull

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/event"
)

// heap returns the bytes in use after a collection.
func heapBytes() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

func TestScopeStaysSmall(t *testing.T) {
	if got := unsafe.Sizeof(scope{}); got > 144 {
		t.Errorf("a request's scope takes %d bytes, want 144 at most: the runtime has that size", got)
	}
}

// BenchmarkReconnect measures 9,900 WebSocket pages that return at once over real
// sockets, each with a cursor that is ten messages old. It ends when the last page
// has its messages. Both ends are files of one process, whose limit is often
// 20,000. Run it with -benchtime 1x.
func BenchmarkReconnect(b *testing.B) {
	const pages, missed = 9_900, 10
	for b.Loop() {
		p := benchPlugin(b)
		at := p.engine.Hub().Cursor().String()
		for range missed {
			if err := p.Send(b.Context(), event.Shared(), event.Event{Module: "tasks", Command: "update", Params: strings.Repeat("x", 100)}); err != nil {
				b.Fatal(err)
			}
		}
		address := serveTCP(b, p)
		before := heapBytes()
		start := time.Now()

		conns := make([]net.Conn, pages)
		var all sync.WaitGroup
		gate := make(chan struct{}, 64) // limits concurrent handshakes, like a listener's backlog
		for i := range conns {
			gate <- struct{}{}
			all.Go(func() {
				defer func() { <-gate }()
				conns[i] = recoverPage(b, address, i, at, missed)
			})
		}
		all.Wait()

		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms-until-all-live")
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapSys+m.StackSys)/(1<<20), "MiB-at-most") // with both ends of the connections
		b.ReportMetric((heapBytes()-before)/pages, "B/page")
		for _, c := range conns {
			_ = c.Close()
		}
	}
}

func serveTCP(b *testing.B, p *Plugin) string {
	b.Helper()
	e := echo.New()
	p.Mount(e.Group("/pull"))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: e}
	go func() { _ = server.Serve(listener) }()
	b.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

// recoverPage connects a page and returns once it has what it missed.
func recoverPage(b *testing.B, address string, i int, cursor string, missed int) net.Conn {
	b.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Error(err)
		return nil
	}
	_, _ = fmt.Fprintf(c, "GET /pull?cursor=%s HTTP/1.1\r\nHost: app.test\r\nX-User: u%d\r\nConnection: Upgrade\r\n"+
		"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", cursor, i)
	r := bufio.NewReader(c)
	headers := textproto.NewReader(r)
	for line := "101"; line != ""; {
		if line, err = headers.ReadLine(); err != nil {
			b.Error(err)
			return c
		}
	}
	for got := 0; got < missed; {
		text, err := r.ReadString('}')
		if err != nil {
			b.Error(err)
			return c
		}
		got += strings.Count(text, `"command":"update"`)
	}
	return c
}

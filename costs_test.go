package pull

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/textproto"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/rate"
	"github.com/echo-pull/pull/internal/window"
)

// heap returns the bytes in use after a collection.
func heapBytes() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// perOne reports by how many bytes the heap grows for each of n things.
func perOne(b *testing.B, n int, grow func(i int)) {
	b.Helper()
	before := heapBytes()
	for i := range n {
		grow(i)
	}
	b.ReportMetric((heapBytes()-before)/float64(n), "B/one")
}

func TestWhatThereIsManyOfStaysSmall(t *testing.T) {
	for _, c := range []struct {
		what      string
		got, most uintptr // bytes, of which the runtime has a size
	}{
		{"a request's scope", unsafe.Sizeof(scope{}), 208},
		{"a page", unsafe.Sizeof(page{}), 240},
		{"a session's WebSocket", unsafe.Sizeof(conn.Socket{}), 112},
		{"a session's stream", unsafe.Sizeof(conn.Stream{}), 64},
		{"a message of the window", unsafe.Sizeof(window.Message{}), 64},
		{"a watch", unsafe.Sizeof(watch{}), 64},
		{"a stay", unsafe.Sizeof(stay{}), 8},
		{"an allowance", unsafe.Sizeof(rate.Allowance{}), 16},
	} {
		if c.got > c.most {
			t.Errorf("%s takes %d bytes, want %d at most", c.what, c.got, c.most)
		}
	}
}

// BenchmarkMemory is what things cost that a node remembers. Run it with
// -benchtime 1x.
func BenchmarkMemory(b *testing.B) {
	const many = 50_000
	at := time.Now().UnixNano()
	b.Run("message of 200 B in the window", func(b *testing.B) {
		for b.Loop() {
			p := benchPlugin(b)
			e := event.Event{Module: "tasks", Command: "update", Params: strings.Repeat("x", 100)}
			perOne(b, many, func(i int) {
				t := event.User(strconv.Itoa(i % 1000))
				if err := p.Send(b.Context(), t, e); err != nil {
					b.Fatal(err)
				}
			})
			p.node.Await(b.Context(), func() bool { events, _ := p.publisher.Queued(); return events == 0 })
		}
	})
	b.Run("online user", func(b *testing.B) {
		for b.Loop() {
			pr := newPresence("self", time.Second)
			self, _ := pr.hear([]byte("self"), 1, at, time.Unix(0, at))
			perOne(b, many, func(i int) {
				user := "user" + strconv.Itoa(i)
				pr.arrive(user)
				pr.online(self, []string{user})
			})
			runtime.KeepAlive(pr)
		}
	})
	for _, tags := range []int{1, 20} {
		b.Run(fmt.Sprintf("watch, %d tags a user", tags), func(b *testing.B) {
			for b.Loop() {
				w := newWatches(time.Hour, time.Minute, defaultTags)
				perOne(b, many, func(i int) { w.grant("user"+strconv.Itoa(i/tags), "TASK_"+strconv.Itoa(i%1000), 0, at) })
				runtime.KeepAlive(w)
			}
		})
	}
}

// BenchmarkChurn is 10,000 users who come and go, without a network: the index,
// presence and what they put into the log.
func BenchmarkChurn(b *testing.B) {
	p := benchPlugin(b)
	sessions := make([]*session, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		for i := range sessions {
			sessions[i] = newSession(p.node, strconv.Itoa(i), nowhere{})
			if err := p.node.join(sessions[i], nil, 0); err != nil {
				b.Fatal(err)
			}
		}
		for _, s := range sessions {
			p.node.leave(s)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(sessions)), "ns/user")
}

// BenchmarkReconnect is 9,900 WebSocket pages (both ends are files of one process,
// whose limit is often 20,000) that return at once over real
// sockets, each with a cursor behind which it has missed ten messages. It counts
// until the last one has them. Run it with -benchtime 1x.
func BenchmarkReconnect(b *testing.B) {
	const pages, missed = 9_900, 10
	for b.Loop() {
		p := benchPlugin(b)
		at := p.node.cursor().String()
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
		gate := make(chan struct{}, 64) // handshakes at a time, as a listener's backlog would have it
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

// recoverPage connects a page and returns when it has what it missed.
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

//go:build unix

package pull

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/event"
)

// BenchmarkCompress broadcasts to 1,000 pages over loopback sockets. The pages
// discard what they read, in this process, so that cpu-µs/op is that of the node and
// of reading from the sockets.
func BenchmarkCompress(b *testing.B) {
	for _, size := range []int{300, 20 << 10} {
		for _, compress := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d bytes, compress %t", size, compress), func(b *testing.B) { benchCompress(b, size, compress) })
		}
	}
}

func benchCompress(b *testing.B, size int, compress bool) {
	const pages = 1000
	p, err := New(Config{User: func(echo.Context) (string, error) { return "1", nil }, Compress: compress, MaxSessionsPerUser: pages, WindowCount: 100, Tick: time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	if err := p.Register(Module{ID: "tasks"}); err != nil {
		b.Fatal(err)
	}
	e := echo.New()
	p.Mount(e.Group("/pull"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	var readers sync.WaitGroup
	var received, arrived atomic.Int64
	all := make(chan struct{}, 1)
	d := websocket.Dialer{EnableCompression: true}
	for range pages {
		c, response, err := d.Dial("ws://"+l.Addr().String()+"/pull?protocol=2", nil)
		if err != nil {
			b.Fatal(err)
		}
		_ = response.Body.Close()
		if _, _, err := c.ReadMessage(); err != nil {
			b.Fatal(err)
		}
		readers.Go(func() {
			defer func() { _ = c.Close() }()
			for buf := make([]byte, 64<<10); ; {
				n, err := readFrame(c.NetConn(), buf)
				if err != nil {
					return
				}
				received.Add(int64(n))
				if arrived.Add(1)%pages == 0 {
					all <- struct{}{}
				}
			}
		})
	}
	ev := event.Event{Module: "tasks", Command: "replace", Params: map[string]string{"html": table(size)}}
	before := cpu()
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Send(context.Background(), Shared(), ev); err != nil {
			b.Fatal(err)
		}
		<-all
	}
	b.ReportMetric(float64(cpu()-before)/float64(time.Microsecond)/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(received.Load())/float64(pages*b.N), "B/page")
	b.StopTimer()
	_ = p.Shutdown(context.Background())
	_ = server.Close()
	readers.Wait()
}

// readFrame reads and discards a frame of up to 64 KiB, and returns its size.
func readFrame(c io.Reader, buf []byte) (int, error) {
	if _, err := io.ReadFull(c, buf[:2]); err != nil {
		return 0, err
	}
	size, header := int(buf[1]), 2
	if size == 126 {
		if _, err := io.ReadFull(c, buf[:2]); err != nil {
			return 0, err
		}
		size, header = int(buf[0])<<8|int(buf[1]), 4
	}
	_, err := io.ReadFull(c, buf[:size])
	return header + size, err
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// table returns a fragment of HTML of about that size.
func table(size int) string {
	words := strings.Fields("deploy the new release to staging and write note for support about customer invoices that were sent twice check backup restore times on database replica before friday ask ann whether pricing page needs another review")
	var b bytes.Buffer
	for i := 7; b.Len() < size; i++ {
		fmt.Fprintf(&b, `<tr id="task-%d" class="task"><td><a href="/tasks/%d">`, i*7919%100_003, i*7919%100_003)
		for k := range 5 + i%4 {
			b.WriteString(words[(i*i+k*k*3)%len(words)] + " ")
		}
		fmt.Fprintf(&b, "</a></td><td>%02d:%02d</td></tr>\n", i*13%24, i*29%60)
	}
	return b.String()[:size]
}

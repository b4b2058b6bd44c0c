package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

// returning is how many pages move to another node.
const returning = 10_000

// BenchmarkReturn measures the other node while all pages of one that shuts down
// return to it: how many connect in the busiest second, how long a page takes to
// connect, and what happens to the latency of the events of a page that was there
// before. Each run is one return.
func BenchmarkReturn(b *testing.B) {
	for _, drain := range []time.Duration{0, 10 * time.Second, 30 * time.Second, time.Minute} {
		b.Run("drain="+drain.String(), func(b *testing.B) {
			if b.N > 1 {
				b.Skip("each run is one return: use -benchtime 1x")
			}
			moveAll(b, drain)
		})
	}
}

func moveAll(b *testing.B, drain time.Duration) {
	b.Helper()
	log := new(pull.Memory)
	from, to := startDraining(b, log, drain), startNode(b, log)
	m := &move{to: to}
	for i := range returning {
		m.page(b, from, user(i))
	}
	probe := newProbe(b, to)
	calm := probe.measure(b, time.After(5*time.Second))

	b.ResetTimer()
	ended := make(chan error, 1)
	go func() { ended <- from.plugin.Shutdown(context.Background()) }()
	busy := probe.measure(b, m.done())
	if err := <-ended; err != nil {
		b.Error(err)
	}
	b.StopTimer()

	b.ReportMetric(float64(m.busiest(time.Second)), "pages/s(max)")
	b.ReportMetric(milliseconds(at(m.took, 0.5)), "connect-ms(p50)")
	b.ReportMetric(milliseconds(at(m.took, 0.99)), "connect-ms(p99)")
	b.ReportMetric(milliseconds(at(calm, 0.99)), "calm-event-ms(p99)")
	b.ReportMetric(milliseconds(at(busy, 0.5)), "event-ms(p50)")
	b.ReportMetric(milliseconds(at(busy, 0.99)), "event-ms(p99)")
	b.ReportMetric(milliseconds(at(busy, 1)), "event-ms(max)")
}

// A move is what the pages of one node do when it shuts down.
type move struct {
	to    *node
	pages sync.WaitGroup // those that have not returned

	mu       sync.Mutex // guards what follows
	returned []time.Time
	took     []time.Duration
}

// page connects a page, which returns to the other node as the browser client does.
func (m *move) page(b *testing.B, from *node, user string) {
	b.Helper()
	conn, cursor := dialPage(b, from, user, "")
	m.pages.Add(1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := readAll(conn)
		_ = conn.Close()
		if !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
			b.Errorf("user %s: got %v, want close 1012", user, err)
		}
		<-time.After(rand.N(5 * time.Second)) // client/src/delay.js: spread
		conn = m.back(b, user, cursor)
		m.pages.Done()
		if conn != nil {
			_ = readAll(conn)
		}
	}()
	b.Cleanup(func() {
		if conn != nil { // once m.done was closed, or the benchmark has failed
			_ = conn.Close()
		}
		<-ended
	})
}

func (m *move) back(b *testing.B, user, cursor string) *websocket.Conn {
	b.Helper()
	began := time.Now()
	conn, _ := dialPage(b, m.to, user, cursor)
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()

	m.returned, m.took = append(m.returned, now), append(m.took, now.Sub(began))
	return conn
}

// done returns a channel that receives a value when every page has returned.
func (m *move) done() <-chan time.Time {
	done := make(chan time.Time, 1)
	go func() {
		m.pages.Wait()
		done <- time.Now()
	}()
	return done
}

// busiest returns how many pages have returned in the busiest span.
func (m *move) busiest(span time.Duration) int {
	m.mu.Lock()
	defer m.mu.Unlock()

	slices.SortFunc(m.returned, time.Time.Compare)
	most, first := 0, 0
	for i, at := range m.returned {
		for at.Sub(m.returned[first]) > span {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// buffers are those of connections that write, which pages do not.
var buffers sync.Pool

// dialPage connects a page, which must recover if it has a cursor, and returns where
// it is.
func dialPage(b *testing.B, n *node, user, cursor string) (*websocket.Conn, string) {
	b.Helper()
	d := websocket.Dialer{
		NetDialContext: n.listener.Dial, HandshakeTimeout: time.Minute,
		ReadBufferSize: 1024, WriteBufferSize: 1024, WriteBufferPool: &buffers,
	}
	address := "ws://app.test/pull?protocol=2&client=page-of-" + user + "-0123456789&user=" + user
	if cursor != "" {
		address += "&cursor=" + url.QueryEscape(cursor)
	}
	conn, response, err := d.DialContext(context.Background(), address, nil)
	if err != nil {
		b.Errorf("user %s: %v", user, err)
		return nil, ""
	}
	_ = response.Body.Close()
	_, frame, err := conn.ReadMessage()
	at, recovered, parsed := parseHello(frame)
	if err = cmp.Or(err, parsed); err != nil || cursor != "" && !recovered {
		b.Errorf("user %s: got %s, recovered %t and error %v", user, frame, recovered, err)
	}
	return conn, at
}

// parseHello returns the cursor of a page that got this frame first.
func parseHello(frame []byte) (cursor string, recovered bool, err error) {
	var messages []json.RawMessage
	if err := json.Unmarshal(frame, &messages); err != nil {
		return "", false, err
	}
	var hello struct {
		Params struct {
			Epoch     string `json:"epoch"`
			Offset    uint64 `json:"offset"`
			Recovered bool   `json:"recovered"`
		} `json:"params"`
	}
	err = json.Unmarshal(messages[0], &hello)
	return fmt.Sprintf("%s.%d", hello.Params.Epoch, hello.Params.Offset), hello.Params.Recovered, err
}

// readAll reads, which also answers pings, until the connection ends.
func readAll(conn *websocket.Conn) error {
	for {
		if _, _, err := conn.NextReader(); err != nil {
			return err
		}
	}
}

// A probe is a page of the other node that measures how long its events take.
type probe struct {
	node     *node
	received chan struct{}
}

func newProbe(b *testing.B, n *node) *probe {
	b.Helper()
	p := &probe{n, make(chan struct{}, 1)}
	conn, _ := dialPage(b, n, "probe", "")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			_, frame, err := conn.ReadMessage()
			if err != nil {
				return
			}
			if bytes.Contains(frame, []byte(`:update",`)) {
				p.received <- struct{}{}
			}
		}
	}()
	b.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	return p
}

// measure sends an event every 10 ms until the time is over, and returns how long each
// has taken from Send to the page.
func (p *probe) measure(b *testing.B, over <-chan time.Time) []time.Duration {
	b.Helper()
	var took []time.Duration
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-over:
			return took
		}
		began := time.Now()
		p.node.send(b, pull.User("probe"))
		<-p.received
		took = append(took, time.Since(began))
	}
}

// at returns a quantile of times, which it sorts.
func at(times []time.Duration, q float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	return times[int(q*float64(len(times)-1))]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

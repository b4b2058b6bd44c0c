package cluster_test

import (
	"context"
	"flag"
	"log/slog"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/memnet"
)

var joinWatches = flag.Int("join.watches", 2_000, "watches in the log that a node of TestJoin reads")

const (
	joinNodes = 10
	joinTags  = 100
	joinPages = 100 // at each node
)

// A node that joins derives all watches from the log, and ten nodes agree on who
// is online. The test logs what that costs.
func TestJoin(t *testing.T) {
	t.Run("in memory", func(t *testing.T) {
		log := &pull.Memory{Count: 10_000_000, Bytes: 1 << 32}
		testJoin(t, func() (pull.Broker, func() error, error) { return log, func() error { return nil }, nil })
	})
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			s := e.start(t)
			testJoin(t, func() (pull.Broker, func() error, error) { return e.open(s.address) })
		})
	}
}

func testJoin(t *testing.T, open func() (pull.Broker, func() error, error)) {
	t.Helper()
	first := join(t, open)
	began := time.Now()
	first.addWatches(t, *joinWatches)
	t.Logf("%d watches granted in %s", *joinWatches, time.Since(began).Round(time.Millisecond))
	want := first.Watch().Users("T7")

	before, cpu := heap(), cpuTime()
	began = time.Now()
	second := join(t, open)
	second.reach(t, func(s pull.Stats) bool { return s.Watches == *joinWatches })
	t.Logf("one node joined in %s, with %s of CPU time and %d KiB of memory",
		time.Since(began).Round(time.Millisecond), (cpuTime() - cpu).Round(time.Millisecond), (heap()-before)>>10)
	if got := second.Watch().Users("T7"); len(got) == 0 || !slices.Equal(got, want) {
		t.Errorf("the node has %d users who watch T7, want %d", len(got), len(want))
	}

	nodes := []*joined{first, second}
	before, cpu = heap(), cpuTime()
	began = time.Now()
	for len(nodes) < joinNodes {
		nodes = append(nodes, join(t, open))
	}
	for _, n := range nodes {
		n.reach(t, func(s pull.Stats) bool { return s.Watches == *joinWatches })
	}
	others := joinNodes - 2
	t.Logf("%d more nodes joined in %s, each with %s of CPU time and %d KiB of memory",
		others, time.Since(began).Round(time.Millisecond), ((cpuTime() - cpu) / time.Duration(others)).Round(time.Millisecond), (heap()-before)/int64(others)>>10)

	cpu = cpuTime()
	began = time.Now()
	for i, n := range nodes {
		n.openPages(t, i*joinPages)
	}
	for _, n := range nodes {
		n.reach(t, func(s pull.Stats) bool { return s.Users == joinNodes*joinPages })
	}
	t.Logf("%d users at %d nodes were online for all nodes after %s, with %s of CPU time",
		joinNodes*joinPages, joinNodes, time.Since(began).Round(time.Millisecond), (cpuTime() - cpu).Round(time.Millisecond))
}

// joined is a node in this process.
type joined struct {
	*pull.Plugin
	listener *memnet.Listener
}

func join(t *testing.T, open func() (pull.Broker, func() error, error)) *joined {
	t.Helper()
	log, closer, err := open()
	if err != nil {
		t.Fatal(err)
	}
	p, err := pull.New(pull.Config{
		User:   func(c echo.Context) (string, error) { return c.QueryParam("user"), nil },
		Broker: log, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))
	n := &joined{p, memnet.Listen()}
	server := &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(n.listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = server.Close()
		<-served
		if err := p.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := closer(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// addWatches grants that many watches, each in a message of its own.
func (n *joined) addWatches(t *testing.T, many int) {
	t.Helper()
	var workers sync.WaitGroup
	const at = 200 // at a time
	for w := range at {
		workers.Go(func() {
			for i := w; i < many; i += at {
				if err := n.Watch().Add("user-"+strconv.Itoa(i/5), "T"+strconv.Itoa(i%joinTags)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
}

// reach waits until the node's counters are as they should be.
func (n *joined) reach(t *testing.T, condition func(pull.Stats) bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !condition(n.Stats()); {
		if time.Now().After(end) {
			t.Fatalf("the node has %+v", n.Stats())
		}
		<-time.After(time.Millisecond)
	}
}

// openPages connects users that no other node has.
func (n *joined) openPages(t *testing.T, from int) {
	t.Helper()
	d := websocket.Dialer{NetDialContext: n.listener.Dial}
	for i := range joinPages {
		conn, response, err := d.DialContext(t.Context(), "ws://app.test/pull?user=online-"+strconv.Itoa(from+i), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		read := make(chan struct{})
		go func() {
			defer close(read)
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					return
				}
			}
		}()
		t.Cleanup(func() { _ = conn.Close(); <-read })
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// cpuTime returns what this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

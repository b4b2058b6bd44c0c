package main

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/cluster/engines"
)

// TestMain is a server, if a benchmark has started this process as one.
func TestMain(m *testing.M) {
	engines.Main()
	if os.Getenv(pushServiceVariable) != "" {
		servePushes()
		return
	}
	os.Exit(m.Run())
}

// BenchmarkEngines measures the engines beside each other, each with a server of
// its own and an empty log.
func BenchmarkEngines(b *testing.B) {
	for _, e := range append([]engines.Engine{engines.Memory()}, append(engines.Shared(), engines.EmbeddedNATS())...) {
		b.Run(e.Name, func(b *testing.B) {
			for _, batch := range []int{1, 512} {
				b.Run("batch="+strconv.Itoa(batch), func(b *testing.B) { publish(b, e, batch) })
			}
			b.Run("to=everyone", func(b *testing.B) { reachPages(b, e, everyone) })
			b.Run("to=user", func(b *testing.B) { reachPages(b, e, oneUser) })
			b.Run("latency", func(b *testing.B) { latency(b, e) })
		})
	}
}

// publish is one node that publishes batches one after another, without readers.
func publish(b *testing.B, e engines.Engine, batch int) {
	b.Helper()
	l := open(b, e.Start(b, nil))
	messages := slices.Repeat([][]byte{bytes.Repeat([]byte("x"), 300)}, batch)
	if err := l.Publish(b.Context(), messages...); err != nil { // connects and prepares
		b.Fatal(err)
	}
	for b.Loop() {
		if err := l.Publish(b.Context(), messages...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(0, "ns/op")
}

// open opens the log, until the benchmark ends.
func open(b *testing.B, s *engines.Server) pull.Broker {
	b.Helper()
	l, err := s.Open()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := l.Close(); err != nil {
			b.Error(err)
		}
	})
	return l.Broker
}

const (
	crowdPages = 1000
	senders    = 64  // that send at a time, half of them at each node
	onTheWay   = 256 // events that not all pages have
)

// An audience is who gets the i-th event, and how many pages that are.
type audience func(i int) (to pull.Target, pages int)

func everyone(int) (pull.Target, int) { return pull.Shared(), crowdPages }

func oneUser(i int) (pull.Target, int) { return pull.User(user(i % crowdPages)), 1 }

// reachPages is two nodes with 500 pages each, which both send events. It counts
// those that all their pages have.
func reachPages(b *testing.B, e engines.Engine, to audience) {
	b.Helper()
	s := e.Start(b, nil)
	nodes := []*node{startNode(b, open(b, s)), startNode(b, open(b, s))}
	_, each := to(0)
	c := &crowd{each: int64(each), room: make(chan struct{}, onTheWay)}
	for i := range crowdPages {
		c.join(b, nodes[i%len(nodes)], user(i))
	}
	work := make(chan int)
	var workers sync.WaitGroup
	for i := range senders {
		workers.Go(func() {
			for n := range work {
				target, _ := to(n)
				nodes[i%len(nodes)].send(b, target)
			}
		})
	}

	began, n := time.Now(), 0
	for b.Loop() {
		c.room <- struct{}{}
		work <- n
		n++
	}
	close(work)
	workers.Wait()
	c.wait(b)
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "events/s")
	b.ReportMetric(0, "ns/op")
}

// latency is the time from Send in a handler on one node until a page on another
// one has the event, at 100 events per second. Run it with -benchtime 1000x.
func latency(b *testing.B, e engines.Engine) {
	b.Helper()
	s := e.Start(b, nil)
	from, to := startNode(b, open(b, s)), startNode(b, open(b, s))
	c := &crowd{each: 1, room: make(chan struct{}, 1)}
	c.join(b, to, "7")
	request := from.handle()
	var took []time.Duration
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for b.Loop() {
		<-ticks.C
		c.room <- struct{}{}
		sent := request(b)
		c.wait(b)
		took = append(took, c.last().Sub(sent))
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

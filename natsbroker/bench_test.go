package natsbroker_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/echo-pull/pull/natsbroker"
)

const eventSize = 300

// world is a server of a benchmark, and how to connect to it.
type world struct {
	name   string
	broker func(b *testing.B, prefix string) *natsbroker.Broker
	js     func(b *testing.B) jetstream.JetStream
	store  jetstream.StorageType
}

// worlds returns a server in a process of its own, and one embedded in this
// process.
func worlds(b *testing.B) []world {
	s := shared(b)
	embedded, err := natsbroker.Embedded(natsbroker.EmbeddedConfig{StoreDir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = embedded.Close() })
	var list []world
	for _, store := range []jetstream.StorageType{jetstream.FileStorage, jetstream.MemoryStorage} {
		memory := func(c *natsbroker.Config) { c.Memory = store == jetstream.MemoryStorage }
		list = append(list, world{
			"TCP " + store.String(),
			func(b *testing.B, prefix string) *natsbroker.Broker { return newBroker(b, s, prefix, memory) },
			func(b *testing.B) jetstream.JetStream { return operator(b, s.url()) },
			store,
		}, world{
			"embedded " + store.String(),
			func(b *testing.B, prefix string) *natsbroker.Broker {
				return newBroker(b, s, prefix, memory, func(c *natsbroker.Config) { c.URL, c.Conn = "", embedded.Conn() })
			},
			func(b *testing.B) jetstream.JetStream {
				js, err := jetstream.New(embedded.Conn())
				if err != nil {
					b.Fatal(err)
				}
				return js
			},
			store,
		})
	}
	return list
}

// bare creates a stream for plain publishes, and returns one.
func (w *world) bare(b *testing.B) func([]byte) error {
	name, js := newPrefix()+"bare", w.js(b)
	config := jetstream.StreamConfig{Name: name, Subjects: []string{name}, Storage: w.store, MaxBytes: 256 << 20}
	if _, err := js.CreateStream(b.Context(), config); err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	return func(m []byte) error {
		_, err := js.Publish(ctx, name, m)
		return err
	}
}

// BenchmarkPublish is a node that publishes one event at a time, and batches.
func BenchmarkPublish(b *testing.B) {
	for _, w := range worlds(b) {
		for _, n := range []int{1, 16, 512} {
			messages := slices.Repeat([][]byte{bytes.Repeat([]byte("x"), eventSize)}, n)
			b.Run(fmt.Sprintf("%s/%d/log", w.name, n), func(b *testing.B) {
				broker := w.broker(b, newPrefix())
				perSecond(b, n, func() error { return broker.Publish(b.Context(), messages...) })
			})
			b.Run(fmt.Sprintf("%s/%d/log and subscriber", w.name, n), func(b *testing.B) {
				prefix := newPrefix()
				broker, other := w.broker(b, prefix), w.broker(b, prefix)
				ctx, cancel := context.WithCancel(b.Context())
				var got atomic.Int64
				ended := make(chan error, 1)
				go func() {
					ended <- other.Subscribe(ctx, time.Minute, func(string, uint64, []byte) { got.Add(1) })
				}()
				start := time.Now()
				perSecond(b, n, func() error { return broker.Publish(b.Context(), messages...) })
				for got.Load() < int64(b.N)*int64(n) {
					<-time.After(time.Millisecond)
				}
				b.ReportMetric(float64(b.N*n)/time.Since(start).Seconds(), "delivered/s")
				cancel()
				if err := <-ended; err != nil {
					b.Error(err)
				}
			})
		}
	}
}

// BenchmarkBesideBare takes turns between a publish and a plain one of JetStream,
// so that both meet the same load.
func BenchmarkBesideBare(b *testing.B) {
	for _, w := range worlds(b) {
		b.Run(w.name, func(b *testing.B) {
			message := bytes.Repeat([]byte("x"), eventSize)
			broker, plain := w.broker(b, newPrefix()), w.bare(b)
			var bare, ours time.Duration
			for b.Loop() {
				start := time.Now()
				if err := plain(message); err != nil {
					b.Fatal(err)
				}
				middle := time.Now()
				if err := broker.Publish(b.Context(), message); err != nil {
					b.Fatal(err)
				}
				bare, ours = bare+middle.Sub(start), ours+time.Since(middle)
			}
			b.ReportMetric(float64(b.N)/bare.Seconds(), "bare/s")
			b.ReportMetric(float64(b.N)/ours.Seconds(), "log/s")
			b.ReportMetric(bare.Seconds()/ours.Seconds(), "of-bare")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkNodes is two nodes that publish at the same time, each one event after
// another, or batches.
func BenchmarkNodes(b *testing.B) {
	for _, w := range worlds(b) {
		for _, n := range []int{1, 512} {
			b.Run(fmt.Sprintf("%s/%d", w.name, n), func(b *testing.B) {
				messages := slices.Repeat([][]byte{bytes.Repeat([]byte("x"), eventSize)}, n)
				prefix := newPrefix()
				nodes := []*natsbroker.Broker{w.broker(b, prefix), w.broker(b, prefix)}
				failed := make(chan error, len(nodes))
				for _, node := range nodes {
					go func() {
						for range b.N {
							if err := node.Publish(b.Context(), messages...); err != nil {
								failed <- err
								return
							}
						}
						failed <- nil
					}()
				}
				for range nodes {
					if err := <-failed; err != nil {
						b.Error(err)
					}
				}
				b.ReportMetric(float64(b.N*n*len(nodes))/b.Elapsed().Seconds(), "events/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func perSecond(b *testing.B, n int, publish func() error) {
	b.Helper()
	if err := publish(); err != nil { // finds the end of the stream
		b.Fatal(err)
	}
	for b.Loop() {
		if err := publish(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkLatency is the time from Publish on one node to deliver on another at
// 100 events per second. Run it with -benchtime 1000x.
func BenchmarkLatency(b *testing.B) {
	for _, w := range worlds(b) {
		b.Run(w.name, func(b *testing.B) {
			prefix := newPrefix()
			broker, other := w.broker(b, prefix), w.broker(b, prefix)
			ctx, cancel := context.WithCancel(b.Context())
			delivered := make(chan time.Time, 1<<16)
			ended := make(chan error, 1)
			go func() {
				ended <- other.Subscribe(ctx, time.Minute, func(string, uint64, []byte) { delivered <- time.Now() })
			}()
			atHundred(b, func(m []byte) error { return broker.Publish(b.Context(), m) }, delivered)
			cancel()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
	}
}

func atHundred(b *testing.B, publish func([]byte) error, delivered <-chan time.Time) {
	b.Helper()
	message := bytes.Repeat([]byte("x"), eventSize)
	if err := publish(message); err != nil {
		b.Fatal(err)
	}
	<-delivered
	var took []time.Duration
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for b.Loop() {
		<-ticks.C
		start := time.Now()
		if err := publish(message); err != nil {
			b.Fatal(err)
		}
		took = append(took, (<-delivered).Sub(start))
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

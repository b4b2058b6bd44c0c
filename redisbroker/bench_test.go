package redisbroker_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

const eventSize = 300

// bare is the least that a script must do for contiguous offsets.
const bare = `
local last = redis.call('HINCRBY', KEYS[2], 'next', #ARGV)
for i, message in ipairs(ARGV) do
	redis.call('XADD', KEYS[1], string.format('%.0f-0', last - #ARGV + i), 'm', message)
end
redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', 100000)
return last`

// newBare returns what publishes messages by the bare script.
func newBare(b *testing.B, s *server) func(messages ...[]byte) error {
	b.Helper()
	c, script, prefix := open(b, s.url()), redis.NewScript(bare), newPrefix()
	keys := []string{"{" + prefix + "}:log", "{" + prefix + "}:meta"}
	return func(messages ...[]byte) error {
		args := make([]any, len(messages))
		for i, m := range messages {
			args[i] = m
		}
		return script.Run(b.Context(), c, keys, args...).Err()
	}
}

// BenchmarkPublish is a node that publishes one event at a time, and batches,
// beside the bare script. The server writes an append-only file.
func BenchmarkPublish(b *testing.B) {
	s := shared(b)
	for _, n := range []int{1, 16, 512} {
		messages := slices.Repeat([][]byte{bytes.Repeat([]byte("x"), eventSize)}, n)
		b.Run(fmt.Sprintf("%d/bare", n), func(b *testing.B) {
			publish := newBare(b, s)
			perSecond(b, n, func() error { return publish(messages...) })
		})
		b.Run(fmt.Sprintf("%d/log", n), func(b *testing.B) {
			broker := newBroker(b, s, newPrefix())
			perSecond(b, n, func() error { return broker.Publish(b.Context(), messages...) })
		})
		b.Run(fmt.Sprintf("%d/log and subscriber", n), func(b *testing.B) {
			prefix := newPrefix()
			broker, other := newBroker(b, s, prefix), newBroker(b, s, prefix)
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

// BenchmarkBesideBare takes turns between a publish and the bare script, so that
// both meet the same machine.
func BenchmarkBesideBare(b *testing.B) {
	s := shared(b)
	for _, n := range []int{1, 512} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			messages := slices.Repeat([][]byte{bytes.Repeat([]byte("x"), eventSize)}, n)
			publish, broker := newBare(b, s), newBroker(b, s, newPrefix())
			var bare, ours time.Duration
			for b.Loop() {
				start := time.Now()
				if err := publish(messages...); err != nil {
					b.Fatal(err)
				}
				middle := time.Now()
				if err := broker.Publish(b.Context(), messages...); err != nil {
					b.Fatal(err)
				}
				bare, ours = bare+middle.Sub(start), ours+time.Since(middle)
			}
			b.ReportMetric(float64(b.N*n)/bare.Seconds(), "bare/s")
			b.ReportMetric(float64(b.N*n)/ours.Seconds(), "log/s")
			b.ReportMetric(bare.Seconds()/ours.Seconds(), "of-bare")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func perSecond(b *testing.B, n int, publish func() error) {
	b.Helper()
	if err := publish(); err != nil { // connects and loads the script
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
// 100 events per second, beside that of the bare script alone. Run it with
// -benchtime 1000x.
func BenchmarkLatency(b *testing.B) {
	s := shared(b)
	b.Run("bare", func(b *testing.B) {
		publish := newBare(b, s)
		atHundred(b, func(m []byte) error { return publish(m) }, nil)
	})
	b.Run("log", func(b *testing.B) {
		prefix := newPrefix()
		broker, other := newBroker(b, s, prefix), newBroker(b, s, prefix)
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

func atHundred(b *testing.B, publish func([]byte) error, delivered <-chan time.Time) {
	b.Helper()
	message := bytes.Repeat([]byte("x"), eventSize)
	if err := publish(message); err != nil {
		b.Fatal(err)
	}
	if delivered != nil {
		<-delivered
	}
	var took []time.Duration
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for b.Loop() {
		<-ticks.C
		start := time.Now()
		if err := publish(message); err != nil {
			b.Fatal(err)
		}
		end := time.Now()
		if delivered != nil {
			end = <-delivered
		}
		took = append(took, end.Sub(start))
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

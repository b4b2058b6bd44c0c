package pgbroker_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/echo-pull/pull/pgbroker"
)

const eventSize = 300

// BenchmarkPublish is a node that publishes one event at a time, and batches,
// beside bare INSERTs into a table with a key. The server writes to the disk.
func BenchmarkPublish(b *testing.B) {
	s := shared(b)
	s.exec(b, "CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), message bytea NOT NULL)")
	for _, n := range []int{1, 16, 512} {
		messages := slices.Repeat([][]byte{bytes.Repeat([]byte("x"), eventSize)}, n)
		b.Run(fmt.Sprintf("%d/bare", n), func(b *testing.B) {
			db := open(b, s.url())
			perSecond(b, n, func() error {
				_, err := db.ExecContext(b.Context(), "INSERT INTO bare (message) SELECT unnest($1::bytea[])", messages)
				return err
			})
		})
		b.Run(fmt.Sprintf("%d/log", n), func(b *testing.B) {
			db := open(b, s.url())
			db.SetMaxIdleConns(4)
			broker := newBroker(b, s, newPrefix(), func(c *pgbroker.Config) { c.DB = db })
			perSecond(b, n, func() error { return broker.Publish(b.Context(), messages...) })
		})
		b.Run(fmt.Sprintf("%d/log and subscriber", n), func(b *testing.B) {
			prefix := newPrefix()
			broker := newBroker(b, s, prefix, func(c *pgbroker.Config) { c.DB.SetMaxIdleConns(4) })
			other := newBroker(b, s, prefix)
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

// BenchmarkBesideBare takes turns between a publish and a bare INSERT, so that
// both meet the same disk.
func BenchmarkBesideBare(b *testing.B) {
	s := shared(b)
	s.exec(b, "CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), message bytea NOT NULL)")
	message := bytes.Repeat([]byte("x"), eventSize)
	db := open(b, s.url())
	db.SetMaxIdleConns(4)
	broker := newBroker(b, s, newPrefix(), func(c *pgbroker.Config) { c.DB = db })
	var bare, ours time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := db.ExecContext(b.Context(), "INSERT INTO bare (message) VALUES ($1)", message); err != nil {
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
}

func perSecond(b *testing.B, n int, publish func() error) {
	b.Helper()
	if err := publish(); err != nil { // connects and prepares
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
// 100 events per second, beside that of a bare INSERT. Run it with -benchtime
// 1000x.
func BenchmarkLatency(b *testing.B) {
	s := shared(b)
	s.exec(b, "CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), message bytea NOT NULL)")
	b.Run("bare", func(b *testing.B) {
		db := open(b, s.url())
		atHundred(b, func([]byte) error {
			_, err := db.ExecContext(b.Context(), "INSERT INTO bare (message) VALUES ($1)", []byte("x"))
			return err
		}, nil)
	})
	for name, configure := range map[string]func(*pgbroker.Config){
		"listen": func(*pgbroker.Config) {},
		"poll":   func(c *pgbroker.Config) { c.URL = "" },
	} {
		b.Run(name, func(b *testing.B) {
			prefix := newPrefix()
			idle := func(db *sql.DB) { db.SetMaxIdleConns(4) }
			broker := newBroker(b, s, prefix, configure, func(c *pgbroker.Config) { idle(c.DB) })
			other := newBroker(b, s, prefix, configure, func(c *pgbroker.Config) { idle(c.DB) })
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

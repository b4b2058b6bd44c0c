package sqlitebroker_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/echo-pull/pull/sqlitebroker"
)

var message = bytes.Repeat([]byte("m"), 300)

func batchOf(n int) [][]byte {
	batch := make([][]byte, n)
	for i := range batch {
		batch[i] = message
	}
	return batch
}

func BenchmarkPublish(b *testing.B) {
	for name, c := range map[string]struct {
		batch int
		full  bool
	}{"one": {1, false}, "512": {512, false}, "one/full": {1, true}, "512/full": {512, true}} {
		b.Run(name, func(b *testing.B) {
			broker := start(b, newFile(b), func(config *sqlitebroker.Config) { config.Full = c.full })
			batch := batchOf(c.batch)
			b.ReportAllocs()
			for b.Loop() {
				if err := broker.Publish(b.Context(), batch...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*c.batch)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// The engine bare: the same transaction, without numbers that nobody may skip.
func BenchmarkInsert(b *testing.B) {
	for name, c := range map[string]struct {
		batch int
		level string
	}{"one": {1, "NORMAL"}, "512": {512, "NORMAL"}, "one/full": {1, "FULL"}, "512/full": {512, "FULL"}} {
		b.Run(name, func(b *testing.B) {
			db := openFile(b, newFile(b))
			db.SetMaxOpenConns(1)
			for _, s := range []string{
				"PRAGMA synchronous=" + c.level, "PRAGMA journal_mode=WAL", "CREATE TABLE meta (next INTEGER)", "INSERT INTO meta VALUES (1)",
				"CREATE TABLE log (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, message BLOB NOT NULL)",
			} {
				if _, err := db.Exec(s); err != nil {
					b.Fatal(err)
				}
			}
			number, err := db.Prepare("UPDATE meta SET next = next + ? RETURNING next")
			if err != nil {
				b.Fatal(err)
			}
			insert, err := db.Prepare("INSERT INTO log (n, at, message) VALUES (?, ?, ?)")
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				tx, err := db.Begin()
				if err != nil {
					b.Fatal(err)
				}
				var next int
				if err := tx.Stmt(number).QueryRow(c.batch).Scan(&next); err != nil {
					b.Fatal(err)
				}
				for i := range c.batch {
					if _, err := tx.Stmt(insert).Exec(next-c.batch+i, time.Now().UnixNano(), message); err != nil {
						b.Fatal(err)
					}
				}
				if err := tx.Commit(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*c.batch)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func BenchmarkDeliver(b *testing.B) {
	for name, size := range map[string]int{"one": 1, "512": 512} {
		b.Run(name, func(b *testing.B) {
			broker := start(b, newFile(b), nil)
			ctx, cancel := context.WithCancel(b.Context())
			got, ended := make(chan struct{}, 1<<20), make(chan error, 2)
			for range 2 {
				go func() {
					ended <- broker.Subscribe(ctx, time.Minute, func(string, uint64, []byte) { got <- struct{}{} })
				}()
			}
			batch := batchOf(size)
			b.ReportAllocs()
			for b.Loop() {
				if err := broker.Publish(b.Context(), batch...); err != nil {
					b.Fatal(err)
				}
				for range 2 * size {
					<-got
				}
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "events/s")
			cancel()
			<-ended
			<-ended
		})
	}
}

// From a publisher in one process to a subscriber in another, one at a time.
func BenchmarkOtherProcess(b *testing.B) {
	file := newFile(b)
	publisher, subscriber := start(b, file, nil), start(b, file, nil)
	ctx, cancel := context.WithCancel(b.Context())
	got, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- subscriber.Subscribe(ctx, time.Minute, func(string, uint64, []byte) { got <- struct{}{} })
	}()
	for b.Loop() {
		if err := publisher.Publish(b.Context(), message); err != nil {
			b.Fatal(err)
		}
		<-got
	}
	cancel()
	<-ended
}

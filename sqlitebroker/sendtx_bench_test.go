package sqlitebroker_test

import (
	"bytes"
	"database/sql"
	"testing"
)

// BenchmarkSendTx is a transaction of the application with and without an event,
// and the relay of events in steps of 512.
func BenchmarkSendTx(b *testing.B) {
	event := bytes.Repeat([]byte("x"), 300)
	for _, events := range []int{0, 1} {
		b.Run(map[int]string{0: "transaction", 1: "with event"}[events], func(b *testing.B) {
			n := start(b, newFile(b), nil)
			execute(b, n.file, "CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT)")
			for b.Loop() {
				commit(b, n, events, event)
			}
		})
	}
	b.Run("relay", func(b *testing.B) {
		const step = 512
		n := start(b, newFile(b), nil)
		execute(b, n.file, "CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT)")
		moved := 0
		for b.Loop() {
			b.StopTimer()
			commit(b, n, step, event)
			b.StartTimer()
			if _, _, err := n.Relay(b.Context(), func([]byte) error { return nil }, nil); err != nil {
				b.Fatal(err)
			}
			moved += step
		}
		b.ReportMetric(float64(moved)/b.Elapsed().Seconds(), "events/s")
	})
}

// commit commits a transaction that inserts a task and a number of events.
func commit(b *testing.B, n *node, events int, event []byte) {
	b.Helper()
	tx, err := n.db.BeginTx(b.Context(), &sql.TxOptions{})
	if err != nil {
		b.Fatal(err)
	}
	if _, err = tx.Exec("INSERT INTO tasks (title) VALUES ('milk')"); err != nil {
		b.Fatal(err)
	}
	for range events {
		if err := n.InsertTx(b.Context(), tx, "", event); err != nil {
			b.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		b.Fatal(err)
	}
}

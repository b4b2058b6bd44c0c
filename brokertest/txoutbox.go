package brokertest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A TxBroker is a broker that is also a pull.TxOutbox, whose documentation is the
// contract.
type TxBroker interface {
	Broker
	InsertTx(ctx context.Context, tx interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	}, key string, message []byte) error
	Relay(
		ctx context.Context,
		check func(message []byte) error,
		publish func(ctx context.Context, source string, numbers []uint64, messages [][]byte) error,
	) (oldest time.Duration, more bool, err error)
}

// A TxSuite determines how to open a transactional outbox under test.
type TxSuite struct {
	// Open returns a broker with an empty log and an empty outbox, and the
	// database for the application's transactions.
	Open func(t testing.TB) (TxBroker, *sql.DB)

	// Join returns the broker of another node.
	Join func(t testing.TB, b TxBroker) TxBroker

	// Patience is how long the engine may take for what it has to do in the
	// end. Default 30 seconds.
	Patience time.Duration
}

// RunTx tests the promises of a transactional outbox, each with a new one.
func RunTx(t *testing.T, s TxSuite) {
	for _, p := range []struct {
		name    string
		promise string
		run     func(*txBench) error
	}{
		{"committed", "the messages of a committed transaction enter the log once, in the order of their insertion", committed},
		{"rolled back", "the messages of a transaction that was rolled back never enter the log", rolledBack},
		{"unaltered in the outbox", "a message of any size passes the outbox byte for byte", txSizes},
		{"failed", "a message that fails the check stays in the table, is not tried again, and keeps no other waiting", failed},
		{"key", "a message replaces earlier ones with the same key, unless its transaction is rolled back", keyed},
		{"many", "10,000 messages of one transaction enter the log in order", manyInTx},
		{"every node relays", "while every node calls Relay at the same time, each message enters the log once, and those of one writer in order", everyNode},
		{"age", "Relay returns the age of the oldest message that is left, or 0", age},
		{"another log", "messages for another log have rising numbers, and keep them when they are published again, by any node", anotherLogOfTx},
		{"one node at a time", "while one node publishes in another log, the others do not", oneNode},
		{"taken over", "if a node stops in the middle, another publishes the same messages under the same numbers within five seconds", takenOver},
	} {
		t.Run(p.name, func(t *testing.T) {
			b := &txBench{bench: bench{suite: &Suite{}, t: t}, suite: &s}
			patience := s.Patience
			if patience == 0 {
				patience = 30 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			b.ctx = ctx
			b.tx, b.db = s.Open(t)
			b.Broker = b.tx
			defer b.close()
			if err := p.run(b); err != nil {
				t.Errorf("%v\nthe promise: %s", err, p.promise)
			}
		})
	}
}

// A txBench is a transactional outbox under test.
type txBench struct {
	bench
	suite *TxSuite
	tx    TxBroker
	db    *sql.DB
}

// insert inserts messages in a transaction, which end commits or rolls back.
func (b *txBench) insert(end func(*sql.Tx) error, messages ...string) error {
	return b.insertKey("", end, messages...)
}

func (b *txBench) insertKey(key string, end func(*sql.Tx) error, messages ...string) error {
	tx, err := b.db.BeginTx(b.ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, m := range messages {
		if err := b.tx.InsertTx(b.ctx, tx, key, []byte(m)); err != nil {
			return fmt.Errorf("insert: %w", err)
		}
	}
	return end(tx)
}

func anything([]byte) error { return nil }

// relay relays until nothing is left that this node can move.
func (b *txBench) relay(node TxBroker) error {
	for more := true; more; {
		var err error
		if _, more, err = node.Relay(b.ctx, anything, nil); err != nil {
			return fmt.Errorf("relay: %w", err)
		}
	}
	return nil
}

// relayed relays, and returns an error unless the log then has these messages.
func (b *txBench) relayed(messages ...string) error {
	r := b.subscribe()
	if err := errors.Join(b.relay(b.tx), b.publish("end")); err != nil {
		return err
	}
	log, err := b.read(r, "end")
	return errors.Join(err, want(log, append(slices.Clone(messages), "end")...), steady(log))
}

func committed(b *txBench) error {
	err := errors.Join(
		b.insert((*sql.Tx).Commit, "1", "2", "3"),
		b.insert((*sql.Tx).Commit, "4"),
		b.relay(b.tx),
		b.publish("5"),
		b.insert((*sql.Tx).Commit, "6"),
		b.relay(b.suite.Join(b.t, b.tx)),
	)
	return errors.Join(err, b.relayed("1", "2", "3", "4", "5", "6"))
}

func rolledBack(b *txBench) error {
	err := errors.Join(
		b.insert((*sql.Tx).Commit, "1"),
		b.insert((*sql.Tx).Rollback, "2", "3"),
		b.insert((*sql.Tx).Commit, "4"),
	)
	return errors.Join(err, b.relayed("1", "4"))
}

func txSizes(b *txBench) error {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	messages := []string{"", "\x00", string(all), string(bytes.Repeat(all, 4<<12))} // 4 MiB
	for i := range 20 {
		messages = append(messages, strconv.Itoa(i)+string(bytes.Repeat(all, i<<8)))
	}
	return errors.Join(b.insert((*sql.Tx).Commit, messages...), b.relayed(messages...))
}

func failed(b *txBench) error {
	if err := b.insert((*sql.Tx).Commit, "1", "bad", "2"); err != nil {
		return err
	}
	tried := 0
	check := func(message []byte) error {
		if string(message) == "bad" {
			tried++
			return errors.New("a bad message")
		}
		return nil
	}
	for range 3 {
		if _, _, err := b.tx.Relay(b.ctx, check, nil); err != nil {
			return err
		}
	}
	if tried != 1 {
		return fmt.Errorf("the bad message was tried %d times, want once", tried)
	}
	return b.relayed("1", "2")
}

func keyed(b *txBench) error {
	err := errors.Join(
		b.insertKey("k", (*sql.Tx).Commit, "1", "2"),
		b.insert((*sql.Tx).Commit, "3"),
		b.insertKey("k", (*sql.Tx).Commit, "4"),
		b.insertKey("k", (*sql.Tx).Rollback, "5"),
		b.insertKey("other", (*sql.Tx).Commit, "6"),
		b.insert((*sql.Tx).Commit, "7", "8"),
	)
	return errors.Join(err, b.relayed("3", "4", "6", "7", "8"))
}

func manyInTx(b *txBench) error {
	messages := numbers(0, 10_000)
	return errors.Join(b.insert((*sql.Tx).Commit, messages...), b.relayed(messages...))
}

func everyNode(b *txBench) error {
	const writers, each = 4, 50
	r := b.subscribe()
	done := make(chan struct{})
	relaying := inParallel(3, func(n int) error {
		node := b.tx
		if n > 0 {
			node = b.suite.Join(b.t, b.tx)
		}
		return b.relayUntil(node, done)
	})
	err := inParallel(writers, func(w int) error { return b.write(w, each) })()
	close(done)
	if err := errors.Join(err, relaying(), b.relay(b.tx), b.publish("end")); err != nil {
		return err
	}
	log, err := b.read(r, "end")
	if err := errors.Join(err, steady(log)); err != nil {
		return err
	}
	got := texts(log[:len(log)-1])
	var errs []error
	for w := range writers {
		errs = append(errs, wrote(got, w, each))
	}
	return errors.Join(errs...)
}

// inParallel starts calls of f, and returns a function that waits for them.
func inParallel(count int, f func(n int) error) (wait func() error) {
	var running sync.WaitGroup
	errs := make([]error, count)
	for n := range count {
		running.Go(func() { errs[n] = f(n) })
	}
	return func() error {
		running.Wait()
		return errors.Join(errs...)
	}
}

// relayUntil relays on a node again and again.
func (b *txBench) relayUntil(node TxBroker, done <-chan struct{}) error {
	for {
		if err := b.relay(node); err != nil {
			return err
		}
		select {
		case <-done:
			return nil
		default:
		}
	}
}

// isLost reports whether a writer rolls back its message with a number.
func isLost(i int) bool { return i%7 == 3 }

// write inserts the messages of a writer, each in a transaction.
func (b *txBench) write(writer, count int) error {
	for i := range count {
		end := (*sql.Tx).Commit
		if isLost(i) {
			end = (*sql.Tx).Rollback
		}
		if err := b.insert(end, fmt.Sprintf("%d %d", writer, i)); err != nil {
			return err
		}
	}
	return nil
}

// wrote returns an error unless the log has all messages that a writer has
// committed, once and in order.
func wrote(log []string, writer, count int) error {
	var got, want []string
	for _, m := range log {
		if strings.HasPrefix(m, strconv.Itoa(writer)+" ") {
			got = append(got, m)
		}
	}
	for i := range count {
		if !isLost(i) {
			want = append(want, fmt.Sprintf("%d %d", writer, i))
		}
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

func age(b *txBench) error {
	if oldest, more, err := b.tx.Relay(b.ctx, anything, nil); oldest != 0 || more || err != nil {
		return fmt.Errorf("of an empty outbox got %v, %v and %w, want 0 and false", oldest, more, err)
	}
	if err := b.insert((*sql.Tx).Commit, "1"); err != nil {
		return err
	}
	down := errors.New("the log is down")
	oldest, more, err := b.tx.Relay(b.ctx, anything, func(context.Context, string, []uint64, [][]byte) error { return down })
	if oldest <= 0 || oldest > time.Minute || more || !errors.Is(err, down) {
		return fmt.Errorf("while the log is down got %v, %v and %w, want an age, false, and the error", oldest, more, err)
	}
	if oldest, more, err := b.tx.Relay(b.ctx, anything, nil); oldest != 0 || more || err != nil {
		return fmt.Errorf("after the message has left got %v, %v and %w, want 0 and false", oldest, more, err)
	}
	return nil
}

package brokertest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	nodes := []TxBroker{b.tx, b.suite.Join(b.t, b.tx), b.suite.Join(b.t, b.tx)}
	r := b.subscribe()
	var writing, relaying sync.WaitGroup
	errs := make([]error, writers+len(nodes))
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				end := (*sql.Tx).Commit
				if i%7 == 3 {
					end = (*sql.Tx).Rollback
				}
				if err := b.insert(end, fmt.Sprintf("%d %d", w, i)); err != nil {
					errs[w] = err
					return
				}
			}
		})
	}
	done := make(chan struct{})
	for n, node := range nodes {
		relaying.Go(func() {
			for errs[writers+n] == nil {
				errs[writers+n] = b.relay(node)
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	writing.Wait()
	close(done)
	relaying.Wait()
	if err := errors.Join(errors.Join(errs...), b.relay(b.tx), b.publish("end")); err != nil {
		return err
	}
	log, err := b.read(r, "end")
	if err := errors.Join(err, steady(log)); err != nil {
		return err
	}
	return writersInOrder(texts(log[:len(log)-1]), writers, each)
}

// writersInOrder returns an error unless every writer has all messages that it has
// committed, once and in order.
func writersInOrder(got []string, writers, each int) error {
	for w := range writers {
		var own, want []string
		for _, m := range got {
			if m[0] == byte('0'+w) {
				own = append(own, m)
			}
		}
		for i := range each {
			if i%7 != 3 {
				want = append(want, fmt.Sprintf("%d %d", w, i))
			}
		}
		if !slices.Equal(own, want) {
			return fmt.Errorf("got %q, want %q", own, want)
		}
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

// A foreign log takes messages from an outbox.
type foreign struct {
	source   string
	numbers  []uint64
	messages []string
	err      error
}

func (f *foreign) publish(_ context.Context, source string, numbers []uint64, messages [][]byte) error {
	f.source = source
	for i, m := range messages {
		f.numbers = append(f.numbers, numbers[i])
		f.messages = append(f.messages, string(m))
		clear(m) // it may
	}
	return f.err
}

func anotherLogOfTx(b *txBench) error {
	second := b.suite.Join(b.t, b.tx)
	var before, again, after foreign
	before.err = errors.New("it is not known whether the log has them")
	if err := b.insert((*sql.Tx).Commit, "1", "2"); err != nil {
		return err
	}
	if _, _, err := b.tx.Relay(b.ctx, anything, before.publish); !errors.Is(err, before.err) {
		return fmt.Errorf("got %w, want the error of publish", err)
	}
	if err := b.insert((*sql.Tx).Commit, "3"); err != nil {
		return err
	}
	for range 3 {
		if _, _, err := second.Relay(b.ctx, anything, again.publish); err != nil {
			return err
		}
	}
	if err := b.insert((*sql.Tx).Commit, "4"); err != nil {
		return err
	}
	if _, _, err := b.tx.Relay(b.ctx, anything, after.publish); err != nil {
		return err
	}
	all := slices.Concat(again.numbers, after.numbers)
	switch {
	case !slices.Equal(before.messages, []string{"1", "2"}), !slices.Equal(again.messages, []string{"1", "2", "3"}), !slices.Equal(after.messages, []string{"4"}):
		return fmt.Errorf("got %q, then %q and %q", before.messages, again.messages, after.messages)
	case !slices.Equal(before.numbers, again.numbers[:2]):
		return fmt.Errorf("got the numbers %v, and %v the second time", before.numbers, again.numbers)
	case !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != 4 || all[0] == 0:
		return fmt.Errorf("got the numbers %v, want rising ones", all)
	case before.source == "" || before.source != again.source || again.source != after.source:
		return fmt.Errorf("got the sources %q, %q and %q, want one", before.source, again.source, after.source)
	}
	return nil
}

func oneNode(b *txBench) error {
	second := b.suite.Join(b.t, b.tx)
	if err := b.insert((*sql.Tx).Commit, "1"); err != nil {
		return err
	}
	var first, other foreign
	var meanwhile error
	_, _, err := b.tx.Relay(b.ctx, anything, func(ctx context.Context, source string, numbers []uint64, messages [][]byte) error {
		meanwhile = b.insert((*sql.Tx).Commit, "2")
		_, _, err := second.Relay(ctx, anything, other.publish)
		meanwhile = errors.Join(meanwhile, err)
		return first.publish(ctx, source, numbers, messages)
	})
	if err := errors.Join(err, meanwhile); err != nil {
		return err
	}
	if len(other.messages) > 0 {
		return fmt.Errorf("another node has published %q meanwhile", other.messages)
	}
	_, _, err = second.Relay(b.ctx, anything, other.publish)
	if !slices.Equal(first.messages, []string{"1"}) || !slices.Equal(other.messages, []string{"2"}) {
		return fmt.Errorf("got %q, then %q, want 1, then 2", first.messages, other.messages)
	}
	return err
}

func takenOver(b *txBench) error {
	second := b.suite.Join(b.t, b.tx)
	if err := b.insert((*sql.Tx).Commit, "1", "2"); err != nil {
		return err
	}
	var first, other foreign
	began := time.Now()
	_, _, err := b.tx.Relay(b.ctx, anything, func(ctx context.Context, source string, numbers []uint64, messages [][]byte) error {
		for len(other.messages) == 0 && ctx.Err() == nil { // this node stands still
			if _, _, err := second.Relay(ctx, anything, other.publish); err != nil {
				return err
			}
		}
		return first.publish(ctx, source, numbers, messages)
	})
	if err != nil {
		return err
	}
	if took := time.Since(began); took > 5*time.Second {
		return fmt.Errorf("it took %v", took)
	}
	if !slices.Equal(first.numbers, other.numbers) || !slices.Equal(first.messages, other.messages) {
		return fmt.Errorf("got %v %q, then %v %q", other.numbers, other.messages, first.numbers, first.messages)
	}
	return nil
}

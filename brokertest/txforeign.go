package brokertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// This file contains the promises of an outbox whose messages go to another log.

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

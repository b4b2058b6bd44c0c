package brokertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// This file contains the promises about an engine that is out of reach for a while.

func frozen(b *bench) error {
	if err := b.publish("before"); err != nil {
		return err
	}
	thaw := b.suite.Faults.Freeze(b.t, b.Broker)
	const enough = 200 * time.Millisecond
	ctx, cancel := context.WithTimeout(b.ctx, enough)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- b.Publish(ctx, []byte("during")) }()
	var err error
	select {
	case err = <-ended:
		if err == nil {
			err = errors.New("got nil from a frozen engine, want an error")
		} else {
			err = nil
		}
	case <-time.After(b.notice() + enough):
		err = errors.New("Publish has not returned")
	}
	thaw()
	if err != nil {
		return err
	}
	if err := b.publishAgain("end"); err != nil {
		return err
	}
	log, err := b.read(b.subscribe(), "end")
	if err != nil {
		return err
	}
	got := slices.DeleteFunc(texts(log), func(m string) bool { return m == "during" }) // it may be in the log or not
	if !slices.Equal(slices.Compact(got), []string{"before", "end"}) {
		return fmt.Errorf("got %q, want before and end", got)
	}
	return steady(log)
}

func publishOutOfReach(b *bench) error {
	if err := b.publish("before"); err != nil {
		return err
	}
	mend := b.suite.Break(b.Broker)
	ctx, cancel := context.WithTimeout(b.ctx, 500*time.Millisecond)
	defer cancel()
	err := b.Publish(ctx, []byte("during"))
	mend()
	if err == nil {
		return errors.New("got nil from a broken engine, want an error")
	}
	if err := b.publishAgain("end"); err != nil {
		return err
	}
	log, err := b.read(b.subscribe(), "end")
	if err != nil {
		return err
	}
	got := slices.DeleteFunc(texts(log), func(m string) bool { return m == "during" }) // it may be in the log or not
	if !slices.Equal(slices.Compact(got), []string{"before", "end"}) {
		return fmt.Errorf("got %q, want before and end", got)
	}
	return steady(log)
}

// publishAgain retries until the engine has recovered, as pull does.
func (b *bench) publishAgain(message string) error {
	for {
		err := b.publish(message)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-b.ctx.Done():
			return err
		}
	}
}

func overAnOutage(b *bench) error {
	if err := b.publish(numbers(0, 5)...); err != nil {
		return err
	}
	readers := []*reader{b.subscribe(), b.subscribe()}
	for _, r := range readers {
		if _, err := b.read(r, "message 4"); err != nil {
			return err
		}
	}
	mend := b.suite.Break(b.Broker)
	unnoticed := b.notices(readers[0])
	mend()
	if unnoticed != nil {
		return unnoticed
	}
	if err := b.publishAgain("end"); err != nil {
		return err
	}
	for _, r := range readers {
		log, err := b.read(r, "end")
		switch {
		case err == nil:
			err = want(log, append(numbers(0, 5), "end")...)
		case isOver(r) && r.err != nil:
			err = want(log, numbers(0, 5)...)
		}
		if err := errors.Join(err, steady(log)); err != nil {
			return err
		}
	}
	return nil
}

// notices waits until a subscription returns an error, because the engine is out
// of reach. If it still answers readers, the subscription need not end.
func (b *bench) notices(r *reader) error {
	fresh := b.subscribe()
	notice := time.NewTimer(b.notice())
	defer notice.Stop()
	for {
		log, grew := fresh.all()
		if len(log) > 0 {
			return nil
		}
		select {
		case <-grew:
		case <-r.ended:
			if r.err == nil {
				return errors.New("Subscribe returned nil, want an error")
			}
			return nil
		case <-notice.C:
			return errors.New("the subscription has not ended, and a new one gets nothing, want an error")
		}
	}
}

func isOver(r *reader) bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

func frozenSubscription(b *bench) error {
	if err := b.publish("before"); err != nil {
		return err
	}
	r := b.subscribe()
	if _, err := b.read(r, "before"); err != nil {
		return err
	}
	thaw := b.suite.Faults.Freeze(b.t, b.Broker)
	defer thaw()
	return b.notices(r)
}

func noSkipOverOutages(b *bench) error {
	const outages, between = 2, 5 // batches
	var failed, published atomic.Int64
	var over atomic.Bool
	done := make(chan error, 1)
	go func() { done <- b.publishBatches(&failed, &published, &over) }()
	for range outages {
		enough := published.Load() + between
		b.until(func() bool { return published.Load() >= enough })
		mend := b.suite.Break(b.Broker)
		enough = failed.Load() + 2
		b.until(func() bool { return failed.Load() >= enough })
		mend()
	}
	over.Store(true)
	if err := <-done; err != nil {
		return err
	}
	if err := b.publishAgain("end"); err != nil {
		return err
	}
	log, err := b.read(b.subscribe(), "end")
	if err != nil {
		return err
	}
	return errors.Join(neverSkips(log[:len(log)-1], batchSize*int(published.Load())), steady(log))
}

const batchSize = 10

// publishBatches publishes numbers, each batch until it is in the log, until over
// is set and a few more are in the log.
func (b *bench) publishBatches(failed, published *atomic.Int64, over *atomic.Bool) error {
	for more := 5; more > 0; {
		from := batchSize * int(published.Load())
		for b.publishInTime(numbersOnly(from, from+batchSize)) != nil {
			failed.Add(1)
			if b.ctx.Err() != nil {
				return fmt.Errorf("publish: %w", b.ctx.Err())
			}
		}
		published.Add(1)
		if over.Load() {
			more--
		}
		pause(b.ctx, time.Millisecond) // an outage begins anywhere
	}
	return nil
}

// publishInTime publishes messages, and gives up soon. After an error it waits
// a little: the engine may refuse at once.
func (b *bench) publishInTime(messages []string) error {
	const soon = 200 * time.Millisecond
	err := b.publishWithin(soon, messages)
	if err != nil {
		pause(b.ctx, soon/10)
	}
	return err
}

// numbersOnly returns messages that are numbers.
func numbersOnly(from, to int) []string {
	var list []string
	for i := from; i < to; i++ {
		list = append(list, strconv.Itoa(i))
	}
	return list
}

// until waits for a condition, or until the test has no more time.
func (b *bench) until(condition func() bool) {
	for !condition() && pause(b.ctx, time.Millisecond) {
	}
}

// pause waits, and reports whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

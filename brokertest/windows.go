package brokertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// This file contains the promises about windows.

func longWindow(b *bench) error {
	const batch, count = 500, 100_000 // "end" is one of them
	list := append(numbers(0, count-1), "end")
	for part := range slices.Chunk(list, batch) {
		if err := b.publish(part...); err != nil {
			return err
		}
	}
	log, err := b.read(b.subscribe(), "end")
	return errors.Join(err, want(log, list...), steady(log))
}

func middle(b *bench) error {
	const count, from = 100, 60
	whole := b.subscribe()
	var began time.Time
	for i, m := range append(numbers(0, count), "end") {
		if i == from {
			pause(b.ctx, betweenWindows)
			began = time.Now()
		}
		if err := b.publish(m); err != nil {
			return err
		}
	}
	all, err := b.read(whole, "end")
	if err := errors.Join(err, want(all, append(numbers(0, count), "end")...)); err != nil {
		return err
	}
	log, err := b.read(b.subscribeSince(began), "end")
	if err != nil {
		return err
	}
	if missing := len(all) - from; len(log) < missing { // a window may begin earlier
		return fmt.Errorf("got %d messages from %v on, want at least the last %d", len(log), log[0], missing)
	}
	if same := all[max(0, len(all)-len(log)):]; !slices.EqualFunc(log, same, record.same) {
		return fmt.Errorf("got %v …, want the end of the log, from %v on", log[0], same[0])
	}
	return nil
}

// What no window has is published so much earlier than what it has, because a window
// begins between the two: an engine may be called late, and have a coarse clock.
const betweenWindows = 2 * time.Second

// subscribeSince starts a reader whose window begins a little before a time.
func (b *bench) subscribeSince(began time.Time) *reader {
	r := &reader{ended: make(chan struct{}), grew: make(chan struct{})}
	var ctx context.Context
	ctx, r.stop = context.WithCancel(b.ctx)
	b.readers = append(b.readers, r)
	go func() {
		defer close(r.ended)
		r.err = b.Subscribe(ctx, time.Since(began)+betweenWindows/2, func(epoch string, offset uint64, message []byte) {
			r.add(record{epoch, offset, string(message), message})
		})
	}()
	return r
}

// skewed tests a window by an engine whose clock differs from the node's.
func skewed(b *bench, ahead time.Duration) error {
	const old, young = 60, 40
	b.Broker = b.suite.Faults.Skew(b.t, ahead)
	if err := b.publish(numbers(0, old)...); err != nil {
		return err
	}
	pause(b.ctx, betweenWindows)
	began := time.Now()
	list := numbers(old, old+young)
	if err := b.publish(list...); err != nil {
		return err
	}
	r := b.subscribeSince(began)
	for log := []record(nil); len(log) == 0; log, _ = r.all() { // the window, or what follows an empty one
		if err := b.publish("end"); err != nil {
			return err
		}
		pause(b.ctx, 50*time.Millisecond)
	}
	log, err := b.read(r, "end")
	if err != nil {
		return err
	}
	if log[0].message == "message 0" {
		return errors.New("got the whole log, want the window")
	}
	if !slices.ContainsFunc(log, func(got record) bool { return got.message == list[0] }) {
		return fmt.Errorf("got %v first, want the window", log[0])
	}
	return steady(log)
}

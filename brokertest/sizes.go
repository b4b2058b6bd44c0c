package brokertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file contains the promises about amounts, windows and repetitions, which
// need no faults.

var amounts = []promise{
	{"sizes", "messages of any size from 0 bytes to 1 MiB arrive unaltered", nil, sizes},
	{"batches", "a batch of 512 messages arrives whole and in order", nil, batches},
	{"long window", "a window of many batches arrives without a hole", nil, longWindow},
	{"middle of the log", "a window that begins in the middle of the log has every message since then, at the same offsets", nil, middle},
	{"coming and going", "a subscription gets every message once, while others begin and end and publishing goes on", nil, comingAndGoing},
	{
		"no skip", "after a failed Publish and its repetition, no message is in the log for the first time after a later one of the same batch",
		nil, noSkip,
	},
}

// filled returns a message of a size with all values of a byte.
func filled(size int) string {
	var all [256]byte
	for i := range all {
		all[i] = byte(i)
	}
	return strings.Repeat(string(all[:]), size/len(all)+1)[:size]
}

func sizes(b *bench) error {
	r := b.subscribe()
	var list []string
	for _, size := range []int{0, 1, 255, 4 << 10, 64<<10 - 1, 64<<10 + 1, 1 << 20} {
		list = append(list, filled(size))
		if err := b.publish(filled(size)); err != nil {
			return err
		}
	}
	if err := b.Publish(b.ctx, nil); err != nil { // a message of no bytes, too
		return fmt.Errorf("publish nil: %w", err)
	}
	list = append(list, "", "", "", "end") // next to one another as well
	if err := b.publish("", "", "end"); err != nil {
		return err
	}
	for _, r := range []*reader{r, b.subscribe()} {
		log, err := b.read(r, "end")
		if err := errors.Join(err, lengths(log, list), steady(log)); err != nil {
			return err
		}
	}
	return nil
}

// lengths is want for messages that nobody can read.
func lengths(log []record, messages []string) error {
	for i, m := range messages {
		if i >= len(log) || log[i].message != m {
			got := "none"
			if i < len(log) {
				got = strconv.Itoa(len(log[i].message)) + " bytes"
			}
			return fmt.Errorf("message %d: got %s, want these %d bytes", i, got, len(m))
		}
	}
	return nil
}

func batches(b *bench) error {
	r := b.subscribe()
	list := append(numbers(0, 511), "end")
	if err := b.publish(list...); err != nil {
		return err
	}
	for _, r := range []*reader{r, b.subscribe()} {
		log, err := b.read(r, "end")
		if err := errors.Join(err, want(log, list...), steady(log)); err != nil {
			return err
		}
	}
	return nil
}

func longWindow(b *bench) error {
	const batch, count = 512, 10
	for i := range count {
		if err := b.publish(numbers(i*batch, (i+1)*batch)...); err != nil {
			return err
		}
	}
	if err := b.publish("end"); err != nil {
		return err
	}
	log, err := b.read(b.subscribe(), "end")
	return errors.Join(err, want(log, append(numbers(0, batch*count), "end")...), steady(log))
}

func middle(b *bench) error {
	const count, from = 100, 60
	whole := b.subscribe()
	var began time.Time
	for i, m := range append(numbers(0, count), "end") {
		if i == from {
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

// subscribeSince starts a reader whose window begins at a time.
func (b *bench) subscribeSince(began time.Time) *reader {
	r := &reader{ended: make(chan struct{}), grew: make(chan struct{})}
	var ctx context.Context
	ctx, r.stop = context.WithCancel(b.ctx)
	b.readers = append(b.readers, r)
	go func() {
		defer close(r.ended)
		const margin = time.Millisecond // for clocks that are coarse
		r.err = b.Subscribe(ctx, time.Since(began)+margin, func(epoch string, offset uint64, message []byte) {
			r.add(record{epoch, offset, string(message), message})
		})
	}()
	return r
}

func comingAndGoing(b *bench) error {
	const total = 300
	failed := make(chan error, 1)
	go func() {
		for i := range total {
			if err := b.publish(numbers(i, i+1)...); err != nil {
				failed <- err
				return
			}
		}
		failed <- b.publish("end")
	}()
	stays := b.subscribe()
	for i := range 20 {
		r := b.subscribe()
		if _, err := b.read(r, "message "+strconv.Itoa(i*total/20)); err != nil {
			return errors.Join(err, <-failed)
		}
		r.stop()
		<-r.ended
		if log, _ := r.all(); steady(log) != nil {
			return errors.Join(steady(log), <-failed)
		}
	}
	if err := <-failed; err != nil {
		return err
	}
	log, err := b.read(stays, "end")
	return errors.Join(err, want(log, append(numbers(0, total), "end")...), steady(log))
}

func noSkip(b *bench) error {
	const rounds, batch = 40, 10
	for i := range rounds {
		messages := make([][]byte, batch)
		for j := range messages {
			messages[j] = []byte(strconv.Itoa(i*batch + j))
		}
		if err := b.publishImpatiently(messages); err != nil {
			return err
		}
	}
	if err := b.publishAgain("end"); err != nil {
		return err
	}
	log, err := b.read(b.subscribe(), "end")
	if err != nil {
		return err
	}
	return errors.Join(neverSkips(log[:len(log)-1], rounds*batch), steady(log))
}

// publishImpatiently publishes messages again and again, until it need not give
// up. Each attempt takes twice as long as the one before.
func (b *bench) publishImpatiently(messages [][]byte) error {
	for patience := 20 * time.Microsecond; ; patience *= 2 {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		err := b.Publish(ctx, messages...)
		cancel()
		if err == nil {
			return nil
		}
		if b.ctx.Err() != nil {
			return fmt.Errorf("publish: %w", err)
		}
	}
}

// neverSkips returns an error if one of the numbers from 0 on is missing, or is
// in the log for the first time after a larger one.
func neverSkips(log []record, count int) error {
	next := 0
	for _, got := range log {
		n, err := strconv.Atoi(got.message)
		if err != nil || n > next {
			return fmt.Errorf("got %v, want %d before it", got, next)
		}
		next = max(next, n+1)
	}
	if next != count {
		return fmt.Errorf("got messages up to %d, want %d", next, count)
	}
	return nil
}

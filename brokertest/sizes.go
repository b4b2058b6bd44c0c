package brokertest

import (
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
	{
		name:    "sizes",
		promise: "messages of any size from 0 bytes to 4 MiB, or to the broker's MaxMessageBytes, arrive unaltered; Publish refuses larger ones",
		run:     sizes,
	},
	{name: "batches", promise: "batches of 512 messages or 4 MiB arrive whole and in order", run: batches},
	{name: "long window", promise: "a window of 100,000 messages arrives without a hole", run: longWindow, long: true},
	{name: "middle of the log", promise: "a window that begins in the middle of the log has every message since then, at the same offsets", run: middle, long: true},
	{name: "coming and going", promise: "a subscription gets every message once, while others begin and end and publishing goes on", run: comingAndGoing},
	{
		name:    "no skip",
		promise: "after a failed Publish and its repetition, no message is in the log for the first time after a later one of the same batch",
		run:     noSkip,
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

// bounded is a broker that takes messages up to a size.
type bounded interface{ MaxMessageBytes() int }

func sizes(b *bench) error {
	const largest = 4 << 20
	list := []string{"", "x", filled(255), filled(4 << 10)}
	for _, size := range []int{64 << 10, 1 << 20, largest} {
		list = append(list, filled(size-1), filled(size), filled(size+1))
	}
	list = list[:len(list)-1] // largest + 1
	if limit, is := b.Broker.(bounded); is && limit.MaxMessageBytes() < largest {
		most := limit.MaxMessageBytes()
		list = append(slices.DeleteFunc(list, func(m string) bool { return len(m) > most }), filled(most))
		if err := b.refuses(filled(most + 1)); err != nil {
			return err
		}
	}
	r := b.subscribe()
	for _, m := range list {
		if err := b.publish(m); err != nil {
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
	return b.arrive(r, list)
}

// refuses returns an error if Publish takes a message that is too large. Of a
// batch with such a message nothing is taken, because no repetition would help.
func (b *bench) refuses(message string) error {
	for _, batch := range [][]string{{message}, {"before", message}, {message, "after"}} {
		if err := b.publish(batch...); err == nil {
			return fmt.Errorf("got nil for a message of %d bytes, want an error", len(message))
		}
	}
	return nil
}

// arrive returns an error unless a reader, and a new one, get these messages and
// no others.
func (b *bench) arrive(r *reader, list []string) error {
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
	const largest, count = 4 << 20, 512 // what pull publishes at once
	r := b.subscribe()
	small := append(numbers(0, count-1), "middle")
	large := append(slices.Repeat([]string{filled(largest / count)}, count-1), "end")
	for _, batch := range [][]string{small, large} {
		if err := b.publish(batch...); err != nil {
			return err
		}
	}
	return b.arrive(r, append(small, large...))
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
		if err := b.publishImpatiently(numbersOnly(i*batch, (i+1)*batch)); err != nil {
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
func (b *bench) publishImpatiently(messages []string) error {
	for patience := 20 * time.Microsecond; ; patience *= 2 {
		err := b.publishWithin(patience, messages)
		if err == nil {
			return nil
		}
		if b.ctx.Err() != nil {
			return err
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

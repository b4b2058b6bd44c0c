package brokertest

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// A promise is one sentence of the contract, with its test.
type promise struct {
	name    string
	promise string
	needs   func(*Suite) bool // reports whether the suite can test it; nil: always
	run     func(*bench) error
}

var promises = []promise{
	{"order", "Subscribe delivers messages in the order in which Publish took them", nil, inOrder},
	{"no hole", "offsets rise by exactly one within an epoch", nil, noHole},
	{"starts above zero", "the first offset is at least 1, so that there is a position before it", nil, aboveZero},
	{"positions for pages", "an epoch is text of 1 to 255 bytes without control characters, and offsets are below 2^53, which JavaScript counts exactly", nil, forPages},
	{"unaltered", "a message arrives as it was published, byte for byte", nil, unaltered},
	{"kept", "deliver may keep the message: no one writes to it afterwards", nil, kept},
	{"one at a time", "deliver is called one at a time", nil, oneAtATime},
	{"concurrent publishers", "every message of every publisher is in the log once, each one's in its order", nil, publishers},
	{"one log", "every subscriber sees the same messages at the same offsets of the same epoch", nil, oneLog},
	{"window", "Subscribe delivers what was published within the last window", nil, windowFirst},
	{"live after the window", "new messages follow the window without a hole or a repetition while publishing goes on", nil, liveAfterWindow},
	{"epoch stays", "as long as the log lives, every subscription has the same epoch and offsets", nil, epochStays},
	{"ends with its context", "Subscribe returns nil when ctx is done", nil, endsCancelled},
	{"ends in the middle", "Subscribe returns nil when ctx ends later, and then no longer calls deliver", nil, endsLater},
	{"publish cancelled", "Publish fails if ctx is already done, and then the log holds none of its messages", nil, publishCancelled},
	{"nothing", "a Publish of no messages changes nothing", nil, publishNothing},
	{
		"publish out of reach", "Publish fails while the engine is out of reach; every message for which it returned nil is in the log, in order",
		func(s *Suite) bool { return s.Break != nil }, publishOutOfReach,
	},
	{
		"another log", "a log that has lost its messages has another epoch",
		func(s *Suite) bool { return s.Lose != nil }, anotherLog,
	},
}

func numbers(from, to int) []string {
	var list []string
	for i := from; i < to; i++ {
		list = append(list, "message "+strconv.Itoa(i))
	}
	return list
}

func inOrder(b *bench) error {
	r := b.subscribe()
	list := append(numbers(0, 200), "end")
	for _, m := range list[:100] {
		if err := b.publish(m); err != nil {
			return err
		}
	}
	if err := b.publish(list[100:]...); err != nil {
		return err
	}
	log, err := b.read(r, "end")
	return errors.Join(err, want(log, list...))
}

func noHole(b *bench) error {
	r := b.subscribe()
	for i := range 50 {
		if err := b.publish(numbers(10*i, 10*i+1+i%7)...); err != nil {
			return err
		}
	}
	if err := b.publish("end"); err != nil {
		return err
	}
	log, err := b.read(r, "end")
	return errors.Join(err, steady(log))
}

func aboveZero(b *bench) error {
	r := b.subscribe()
	if err := b.publish("end"); err != nil {
		return err
	}
	log, err := b.read(r, "end")
	if err == nil && log[0].offset == 0 {
		err = fmt.Errorf("got %v, want an offset of at least 1", log[0])
	}
	return err
}

func forPages(b *bench) error {
	const offsets, epochBytes = 1 << 53, 255
	r := b.subscribe()
	if err := b.publish(append(numbers(0, 10), "end")...); err != nil {
		return err
	}
	log, err := b.read(r, "end")
	for _, got := range log {
		switch {
		case got.offset >= offsets:
			return fmt.Errorf("got %v, want an offset below 2^53", got)
		case got.epoch == "", len(got.epoch) > epochBytes, !utf8.ValidString(got.epoch), strings.ContainsFunc(got.epoch, unicode.IsControl):
			return fmt.Errorf("got the epoch %.300q, want 1 to %d bytes of UTF-8 without control characters", got.epoch, epochBytes)
		}
	}
	return err
}

func unaltered(b *bench) error {
	var bytes strings.Builder
	for i := range 256 {
		bytes.WriteByte(byte(i))
	}
	list := []string{bytes.String(), "\x00", "\xff\xfe", "line\r\nline\n", "✓", strings.Repeat("x", 64<<10), "end"}
	r := b.subscribe()
	if err := b.publish(list...); err != nil {
		return err
	}
	log, err := b.read(r, "end")
	return errors.Join(err, want(log, list...))
}

func kept(b *bench) error {
	r := b.subscribe()
	if err := b.publish(numbers(0, 100)...); err != nil {
		return err
	}
	if _, err := b.read(r, "message 99"); err != nil {
		return err
	}
	if err := b.publish(append(numbers(100, 200), "end")...); err != nil {
		return err
	}
	log, err := b.read(r, "end")
	for _, got := range log {
		if string(got.raw) != got.message {
			return fmt.Errorf("%v has become %.40q", got, got.raw)
		}
	}
	return err
}

func oneAtATime(b *bench) error {
	r := b.subscribeTo(func(record) { runtime.Gosched() })
	if err := b.concurrently(8, 25); err != nil {
		return err
	}
	if _, err := b.read(r, "end"); err != nil {
		return err
	}
	if n := r.overlaps.Load(); n > 0 {
		return fmt.Errorf("%d calls began before the previous one had returned", n)
	}
	return nil
}

// concurrently runs several publishers at once, each of which publishes pairs of
// messages. Then it publishes "end".
func (b *bench) concurrently(publishers, pairs int) error {
	failed := make(chan error, publishers)
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for i := range pairs {
				name := strconv.Itoa(p) + " "
				if err := b.publish(name+strconv.Itoa(2*i), name+strconv.Itoa(2*i+1)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return b.publish("end")
	}
}

func publishers(b *bench) error {
	const publishers, pairs = 8, 50
	r := b.subscribe()
	if err := b.concurrently(publishers, pairs); err != nil {
		return err
	}
	log, err := b.read(r, "end")
	if err != nil {
		return err
	}
	next := make(map[string]int)
	for _, m := range texts(log[:len(log)-1]) {
		name, number, _ := strings.Cut(m, " ")
		if number != strconv.Itoa(next[name]) {
			return fmt.Errorf("publisher %s: got message %s, want %d", name, number, next[name])
		}
		next[name]++
	}
	if got, all := len(log)-1, publishers*pairs*2; got != all {
		return fmt.Errorf("got %d messages, want %d", got, all)
	}
	return steady(log)
}

func oneLog(b *bench) error {
	early := []*reader{b.subscribe(), b.subscribe()}
	if err := b.concurrently(4, 50); err != nil {
		return err
	}
	late := b.subscribe()
	first, err := b.read(early[0], "end")
	if err != nil {
		return err
	}
	for _, r := range []*reader{early[1], late} {
		log, err := b.read(r, "end")
		if err != nil {
			return err
		}
		if !slices.EqualFunc(log, first, record.same) {
			return fmt.Errorf("got %d messages %v, want %d: %v, as another subscriber received them", len(log), log, len(first), first)
		}
	}
	return nil
}

func windowFirst(b *bench) error {
	list := append(numbers(0, 100), "end")
	if err := b.publish(list...); err != nil {
		return err
	}
	log, err := b.read(b.subscribe(), "end")
	return errors.Join(err, want(log, list...), steady(log))
}

func liveAfterWindow(b *bench) error {
	const total = 600
	failed := make(chan error, 1)
	go func() {
		for i := 0; i < total; i += 3 {
			if err := b.publish(numbers(i, i+3)...); err != nil {
				failed <- err
				return
			}
		}
		failed <- b.publish("end")
	}()
	first := b.subscribe()
	var readers []*reader
	for i := range 10 { // each subscribes when the publisher has made some more progress
		if _, err := b.read(first, "message "+strconv.Itoa(i*total/10)); err != nil {
			return errors.Join(err, <-failed)
		}
		readers = append(readers, b.subscribe())
	}
	if err := <-failed; err != nil {
		return err
	}
	all := append(numbers(0, total), "end")
	for _, r := range append(readers, first) {
		log, err := b.read(r, "end")
		if err := errors.Join(err, want(log, all...), steady(log)); err != nil {
			return err
		}
	}
	return nil
}

func epochStays(b *bench) error {
	if err := b.publish("first"); err != nil {
		return err
	}
	r := b.subscribe()
	before, err := b.read(r, "first")
	if err != nil {
		return err
	}
	r.stop()
	<-r.ended
	if err := b.publish("end"); err != nil {
		return err
	}
	after, err := b.read(b.subscribe(), "end")
	if err != nil {
		return err
	}
	if !after[0].same(before[0]) {
		return fmt.Errorf("got %v, want %v as in the subscription before", after[0], before[0])
	}
	return steady(after)
}

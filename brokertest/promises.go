package brokertest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A promise is one sentence of the contract, with its test.
type promise struct {
	name    string
	promise string
	needs   func(*Suite) bool // reports whether the suite can test it; nil: always
	run     func(*bench) error
	long    bool // needs more patience than others
}

var promises = []promise{
	{name: "order", promise: "Subscribe delivers messages in the order in which Publish took them", run: inOrder},
	{name: "no hole", promise: "offsets rise by exactly one within an epoch", run: noHole},
	{name: "starts above zero", promise: "the first offset is at least 1, so that there is a position before it", run: aboveZero},
	{name: "positions for pages", promise: "an epoch is text of 1 to 255 bytes without control characters, and offsets are below 2^53, which JavaScript counts exactly", run: forPages},
	{name: "unaltered", promise: "a message arrives as it was published, byte for byte", run: unaltered},
	{name: "kept", promise: "deliver may keep the message: no one writes to it afterwards", run: kept},
	{name: "one at a time", promise: "deliver is called one at a time", run: oneAtATime},
	{name: "concurrent publishers", promise: "every message of every publisher is in the log once, each one's in its order", run: publishers},
	{name: "one log", promise: "every subscriber sees the same messages at the same offsets of the same epoch", run: oneLog},
	{name: "window", promise: "Subscribe delivers what was published within the last window", run: windowFirst},
	{name: "live after the window", promise: "new messages follow the window without a hole or a repetition while publishing goes on", run: liveAfterWindow},
	{name: "epoch stays", promise: "as long as the log lives, every subscription has the same epoch and offsets", run: epochStays},
	{name: "ends with its context", promise: "Subscribe returns nil when ctx is done", run: endsCancelled},
	{name: "ends in the middle", promise: "Subscribe returns nil when ctx ends later, and then no longer calls deliver", run: endsLater},
	{name: "publish cancelled", promise: "Publish fails if ctx is already done, and then the log holds none of its messages", run: publishCancelled},
	{name: "nothing", promise: "a Publish of no messages changes nothing", run: publishNothing},
	{
		name: "publish out of reach", promise: "Publish fails while the engine is out of reach; every message for which it returned nil is in the log, in order",
		needs: func(s *Suite) bool { return s.Break != nil },
		run:   publishOutOfReach,
	},
	{
		name: "another log", promise: "a log that has lost its messages has another epoch",
		needs: func(s *Suite) bool { return s.Lose != nil },
		run:   anotherLog,
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

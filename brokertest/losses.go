package brokertest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"
)

// This file contains the promises about a log that loses something, or does not.

// survives returns an error if messages are lost while the engine ends and
// begins again.
func survives(b *bench, restart func(testing.TB, Broker) Broker) error {
	if err := b.publish(numbers(0, 20)...); err != nil {
		return err
	}
	before, err := b.read(b.subscribe(), "message 19")
	if err != nil {
		return err
	}
	b.close() // nobody subscribes over the end of a process
	b.readers = nil
	b.Broker = restart(b.t, b.Broker)
	if err := b.publishAgain("end"); err != nil {
		return err
	}
	after, err := b.read(b.subscribe(), "end")
	if err != nil {
		return err
	}
	if len(after) <= len(before) || !slices.EqualFunc(after[:len(before)], before, record.same) {
		return fmt.Errorf("got %v, want first %v, as before", after, before)
	}
	return steady(after)
}

const lostMessages = 20

// deaf loses the log below a running subscription. The new one has count
// messages when the subscription has to know.
func deaf(b *bench, count int) error {
	if err := b.publish(numbers(0, lostMessages)...); err != nil {
		return err
	}
	r := b.subscribe()
	before, err := b.read(r, "message "+strconv.Itoa(lostMessages-1))
	if err != nil {
		return err
	}
	b.suite.Lose(b.Broker)
	for _, m := range numbers(100, 100+count) {
		if err := b.publishAgain(m); err != nil {
			return err
		}
	}
	return b.learns(r, before[0].epoch)
}

// rewound puts an older state of the log below a running subscription, and then
// count messages onto it.
func rewound(b *bench, count int) error {
	if err := b.publish(numbers(0, 5)...); err != nil {
		return err
	}
	back := b.suite.Faults.Rewind(b.t, b.Broker)
	if err := b.publish(numbers(5, 20)...); err != nil {
		return err
	}
	r := b.subscribe()
	before, err := b.read(r, "message 19")
	if err != nil {
		return err
	}
	back()
	for _, m := range append(numbers(100, 99+count), "end") {
		if err := b.publishAgain(m); err != nil {
			return err
		}
	}
	if err := b.learns(r, before[0].epoch); err != nil {
		return err
	}
	after, err := b.read(b.subscribe(), "end")
	if err != nil {
		return err
	}
	if last := after[len(after)-1]; last.epoch == before[0].epoch {
		return fmt.Errorf("got %v after the log went back, want another epoch than %v", last, before[0])
	}
	return nil
}

// learns waits until a subscription returns an error or delivers another epoch.
func (b *bench) learns(r *reader, epoch string) error {
	notice := time.NewTimer(b.notice())
	defer notice.Stop()
	for {
		log, grew := r.all()
		if slices.ContainsFunc(log, func(got record) bool { return got.epoch != epoch }) {
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
			return fmt.Errorf("nothing but %v, want an error or another epoch", log[len(log)-1])
		}
	}
}

func (b *bench) notice() time.Duration {
	if n := b.suite.Faults.Notice; n > 0 {
		return n
	}
	return 5 * time.Second
}

func anotherLog(b *bench) error {
	if err := b.publish("lost"); err != nil {
		return err
	}
	before, err := b.read(b.subscribe(), "lost")
	if err != nil {
		return err
	}
	b.suite.Lose(b.Broker)
	if err := b.publishAgain("end"); err != nil {
		return err
	}
	after, err := b.read(b.subscribe(), "end")
	if err != nil {
		return err
	}
	if last := after[len(after)-1]; last.epoch == before[0].epoch {
		return fmt.Errorf("got %v after the log was lost, want another epoch than %v", last, before[0])
	}
	return steady(after)
}

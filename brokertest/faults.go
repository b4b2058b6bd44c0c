package brokertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// Faults are ways to break an engine. Promises that need a missing one are
// skipped. Each function gets a broker that Suite.Open has returned.
type Faults struct {
	// Restart ends the engine and the broker in order, and returns a broker on
	// the same log. Nothing is lost.
	Restart func(t testing.TB, b Broker) Broker

	// Kill is Restart without an orderly end, as by kill -9. What Publish has
	// returned nil for is still there.
	Kill func(t testing.TB, b Broker) Broker

	// Join returns another broker on the same log, as another node has it.
	Join func(t testing.TB, b Broker) Broker

	// Freeze makes the engine accept everything and answer nothing, until thaw is
	// called.
	Freeze func(t testing.TB, b Broker) (thaw func())

	// Rewind keeps a copy of the log. back replaces the log with it, as a
	// restored backup or a promoted replica does.
	Rewind func(t testing.TB, b Broker) (back func())

	// Notice is how soon a running subscription learns of a fault. Default 5
	// seconds.
	Notice time.Duration
}

var faulty = []promise{
	{
		"restart", "a restart of the engine without loss keeps the epoch and every message",
		func(s *Suite) bool { return s.Faults.Restart != nil },
		func(b *bench) error { return survives(b, b.suite.Faults.Restart) },
	},
	{
		"kill", "an engine that is killed loses no message for which Publish has returned nil, or begins another epoch",
		func(s *Suite) bool { return s.Faults.Kill != nil },
		func(b *bench) error { return survives(b, b.suite.Faults.Kill) },
	},
	{
		"nodes", "all nodes see the same messages at the same offsets, whichever node has published them",
		func(s *Suite) bool { return s.Faults.Join != nil }, nodes,
	},
	{
		"frozen", "Publish returns when its context ends, even if the engine does not answer; afterwards nothing is missing",
		func(s *Suite) bool { return s.Faults.Freeze != nil }, frozen,
	},
	{
		"deaf node", "a subscription whose log is lost soon returns an error or delivers another epoch, also if the new log is shorter",
		func(s *Suite) bool { return s.Lose != nil }, func(b *bench) error { return deaf(b, 1) },
	},
	{
		"overtaken node", "a subscription whose log is lost soon returns an error or delivers another epoch, also if the new log is longer",
		func(s *Suite) bool { return s.Lose != nil }, func(b *bench) error { return deaf(b, 50) },
	},
	{
		"rewound", "a log that has gone back to an earlier state has another epoch, and subscriptions soon learn of it",
		func(s *Suite) bool { return s.Faults.Rewind != nil }, func(b *bench) error { return rewound(b, 1) },
	},
	{
		"rewound and overtaken", "a log that has gone back has another epoch, also if it is longer again",
		func(s *Suite) bool { return s.Faults.Rewind != nil }, func(b *bench) error { return rewound(b, 50) },
	},
}

// all returns every promise.
func all() []promise { return slices.Concat(promises, amounts, faulty) }

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

func nodes(b *bench) error {
	other := &bench{Broker: b.suite.Faults.Join(b.t, b.Broker), suite: b.suite, ctx: b.ctx, t: b.t}
	defer other.close()
	early := []*reader{b.subscribe(), other.subscribe()}
	for range 25 { // in turns, and then at the same time
		if err := errors.Join(b.publishPairs(1), other.publishPairs(1)); err != nil {
			return err
		}
	}
	done := make(chan error, 2)
	for _, node := range []*bench{b, other} {
		go func() { done <- node.publishPairs(50) }()
	}
	if err := errors.Join(<-done, <-done); err != nil {
		return err
	}
	if err := other.publish("end"); err != nil {
		return err
	}
	first, err := b.read(early[0], "end")
	if err != nil {
		return err
	}
	if len(first) != 301 {
		return fmt.Errorf("got %d messages, want 301", len(first))
	}
	for _, r := range []*reader{early[1], b.subscribe(), other.subscribe()} {
		log, err := b.read(r, "end")
		if err != nil {
			return err
		}
		if !slices.EqualFunc(log, first, record.same) {
			return fmt.Errorf("got %d messages %v, want %d: %v, as another subscriber received them", len(log), log, len(first), first)
		}
	}
	return steady(first)
}

func (b *bench) publishPairs(count int) error {
	for i := range count {
		if err := b.publish(numbers(2*i, 2*i+2)...); err != nil {
			return err
		}
	}
	return nil
}

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

// deaf loses the log below a running subscription. The new one has count
// messages when the subscription has to know.
func deaf(b *bench, count int) error {
	if err := b.publish(numbers(0, 20)...); err != nil {
		return err
	}
	r := b.subscribe()
	before, err := b.read(r, "message 19")
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

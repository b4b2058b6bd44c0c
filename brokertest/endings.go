package brokertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// This file contains the promises about endings and failures.

func endsCancelled(b *bench) error {
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	ended := make(chan error, 1)
	go func() { ended <- b.Subscribe(ctx, window, func(string, uint64, []byte) {}) }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("got %w, want nil", err)
		}
		return nil
	case <-b.ctx.Done():
		return errors.New("Subscribe has not returned")
	}
}

func endsLater(b *bench) error {
	r := b.subscribe()
	if err := b.publish("first"); err != nil {
		return err
	}
	if _, err := b.read(r, "first"); err != nil {
		return err
	}
	r.stop()
	select {
	case <-r.ended:
	case <-b.ctx.Done():
		return errors.New("Subscribe has not returned")
	}
	if r.err != nil {
		return fmt.Errorf("got %w, want nil", r.err)
	}
	if err := b.publish("end"); err != nil {
		return err
	}
	if _, err := b.read(b.subscribe(), "end"); err != nil {
		return err
	}
	log, _ := r.all()
	return want(log, "first")
}

func publishCancelled(b *bench) error {
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	if err := b.Publish(ctx, []byte("never")); err == nil {
		return errors.New("got nil, want an error")
	}
	if err := b.publish("end"); err != nil {
		return err
	}
	log, err := b.read(b.subscribe(), "end")
	return errors.Join(err, want(log, "end"))
}

func publishNothing(b *bench) error {
	if err := errors.Join(b.publish("first"), b.publish(), b.publish("end")); err != nil {
		return err
	}
	log, err := b.read(b.subscribe(), "end")
	return errors.Join(err, want(log, "first", "end"), steady(log))
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

package brokertest

import (
	"context"
	"errors"
	"fmt"
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

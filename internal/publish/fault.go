package publish

import (
	"context"

	"github.com/echo-pull/pull/internal/signal"
)

// A FaultError is the error of a broker that a test has made fail.
type FaultError struct{ Err error }

func (e *FaultError) Error() string { return e.Err.Error() }

// Unwrap returns the error that the test has chosen.
func (e *FaultError) Unwrap() error { return e.Err }

// Fail makes every call of the broker fail with err, as if the log could not be
// reached, until mend is called. Then the publisher tries again at once.
func (p *Publisher) Fail(err error) (mend func()) {
	fault := &FaultError{err}
	p.fault.Store(fault)
	return func() {
		if p.fault.CompareAndSwap(fault, nil) {
			signal.Send(p.mended)
		}
	}
}

// Fault returns the error of Fail, or nil.
func (p *Publisher) Fault() error {
	if fault := p.fault.Load(); fault != nil {
		return fault
	}
	return nil
}

// publish is a call of the broker.
func (p *Publisher) publish(ctx context.Context, chunk [][]byte) error {
	if err := p.Fault(); err != nil {
		return err
	}
	return p.log.Publish(ctx, chunk...)
}

// Fill occupies all places of the queue until release is called.
func (p *Publisher) Fill() (release func()) {
	p.events.Add(maxEvents)
	return func() { p.Release(maxEvents, 0) }
}

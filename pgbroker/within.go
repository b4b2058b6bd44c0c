package pgbroker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errNoAnswer ends a call that takes too long.
var errNoAnswer = errors.New("the server does not answer")

// within calls f and returns what it returns, unless ctx ends first or f takes
// longer than a limit. f can ask for another limit, which counts from then on. A
// driver that does not return when its context ends is left behind, so that a
// frozen server blocks no caller.
func within[T any](ctx context.Context, limit time.Duration, f func(ctx context.Context, extend func(time.Duration)) (T, error)) (T, error) { //nolint:ireturn // T is what f returns
	type result struct {
		value T
		err   error
	}
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(limit, func() { cancel(errNoAnswer) })
	defer timer.Stop()

	results := make(chan result, 1)
	go func() {
		value, err := f(limited, func(limit time.Duration) { timer.Reset(limit) })
		results <- result{value, err}
	}()
	select {
	case r := <-results:
		if r.err != nil && errors.Is(context.Cause(limited), errNoAnswer) {
			r.err = fmt.Errorf("%w (%w)", errNoAnswer, r.err)
		}
		return r.value, r.err
	case <-limited.Done():
		var none T
		return none, context.Cause(limited)
	}
}

// forBytes is how much longer a transfer of so many bytes may take.
func forBytes(n int64) time.Duration {
	const rate = 1 << 20 // bytes a second
	return time.Duration(n) * time.Second / rate
}

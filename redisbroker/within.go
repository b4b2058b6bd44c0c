package redisbroker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errNoAnswer ends a call that takes too long.
var errNoAnswer = errors.New("the server does not answer")

// within calls f and returns what it returns, unless ctx ends first or f takes
// longer than a limit. The client returns from a call only when its own timeouts
// end it, so it is left behind then, and a frozen server blocks no caller.
func within[T any](ctx context.Context, limit time.Duration, f func(ctx context.Context) (T, error)) (T, error) { //nolint:ireturn // T is what f returns
	type result struct {
		value T
		err   error
	}
	limited, cancel := context.WithTimeoutCause(ctx, limit, errNoAnswer)
	defer cancel()

	results := make(chan result, 1)
	go func() {
		value, err := f(limited)
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
func forBytes(n int) time.Duration {
	const rate = 1 << 20 // bytes a second
	return time.Duration(n) * time.Second / rate
}

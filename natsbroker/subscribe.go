package natsbroker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errOther ends a subscription to a log that has become another.
var errOther = errors.New("the log has lost messages or was replaced")

// Subscribe implements pull.Broker. It returns an error once when the server
// goes out of reach. If it is called again meanwhile, it waits for the server. It
// also returns an error when the log has become another one; then subscribe
// again.
func (b *Broker) Subscribe(ctx context.Context, window time.Duration, deliver func(epoch string, offset uint64, message []byte)) error {
	began := time.Now()
	for wait := shortestWait; ; wait = min(2*wait, longestWait) {
		s := &subscription{Broker: b, began: began, window: window, deliver: deliver}
		err := s.run(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it has ended as the caller wished
		}
		if news := b.outage.isNews(err); news || s.attached {
			return fmt.Errorf("natsbroker: subscribe: %w", err)
		}
		if !pause(ctx, wait) {
			return nil
		}
	}
}

// epochOf returns the name of the log: other generations have others, and so has
// a stream that was created again.
func epochOf(created time.Time, generation uint64) string {
	return fmt.Sprintf("%016x-%x", generation, created.UnixNano())
}

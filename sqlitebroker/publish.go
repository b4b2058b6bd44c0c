package sqlitebroker

import (
	"context"
	"fmt"
	"slices"
)

// A request is a call of Publish, or of Relay, that waits.
type request struct {
	ctx      context.Context //nolint:containedctx // of the call
	messages [][]byte
	rows     []int64 // of the outbox, instead of messages
	size     int
	gone     error // why the messages were left out; of the goroutine that writes
	done     chan error
}

// Publish appends messages to the log and returns when the transaction is
// committed; see Config.Full for what a power failure means. Calls that wait at
// the same time share a transaction. After an error the caller may publish the
// same messages again.
func (b *Broker) Publish(ctx context.Context, messages ...[]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(messages) == 0 {
		return nil
	}
	r := &request{messages: messages}
	for _, m := range messages {
		r.size += len(m)
	}
	if err := b.await(ctx, r); err != nil {
		return fmt.Errorf("sqlitebroker: publish: %w", err)
	}
	return nil
}

// await waits until a request is done, or ctx ends.
func (b *Broker) await(ctx context.Context, r *request) error {
	r.ctx, r.done = ctx, make(chan error, 1)
	b.enqueue(r) //nolint:contextcheck // others share the transaction: it goes on without this call
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		b.forget(r)
		return ctx.Err()
	}
}

func (b *Broker) enqueue(r *request) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.queue = append(b.queue, r)
	b.run()
}

// forget removes a call that has ended, unless it is being written: a caller that
// repeats it while the disk does not answer must not fill the memory.
func (b *Broker) forget(r *request) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.queue = slices.DeleteFunc(b.queue, func(other *request) bool { return other == r })
}

package pgbroker

import (
	"context"
	"sync"
	"time"
)

// breath is how long the notifier waits between two notifications: NOTIFY takes
// a lock of the whole server.
const breath = 5 * time.Millisecond

// A notifier tells the other nodes that the log has grown. Its goroutine ends
// when they know.
type notifier struct {
	mu      sync.Mutex // guards what follows
	running bool
	again   bool // the log has grown since the last notification
}

// announce notifies the other nodes soon.
func (b *Broker) announce() {
	if b.listen == nil {
		return
	}
	n := &b.notifier
	n.mu.Lock()
	defer n.mu.Unlock()

	n.again = true
	if !n.running {
		n.running = true
		go n.run(func() { _ = b.notify(context.Background(), b.sql.channel, b.id) }) // who hears nothing reads within a second
	}
}

// run calls send until nobody has asked for it during a breath.
func (n *notifier) run(send func()) {
	for n.wants() {
		send()
		<-time.After(breath)
	}
}

func (n *notifier) wants() bool {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.running = n.again
	n.again = false
	return n.running
}

// notify sends a notification in a transaction of its own: inside that of a
// publish, it would make the lock of the log last longer.
func (b *Broker) notify(ctx context.Context, channel, payload string) error {
	_, err := within(ctx, patience, func(ctx context.Context, _ func(time.Duration)) (struct{}, error) {
		_, err := b.db.ExecContext(ctx, b.sql.notify, channel, payload)
		return struct{}{}, err
	})
	return err
}

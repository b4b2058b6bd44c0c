package pull_test

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull"
)

// faults is a broker that fails on demand, on top of a working log.
type faults struct {
	mu      sync.Mutex // guards the fields below
	log     *pull.Memory
	err     error                      // Publish fails and publishes nothing
	acks    int                        // that many Publish calls publish their messages but return an error
	away    error                      // Subscribe fails
	edit    func(message []byte)       // changes what Publish receives
	hold    chan struct{}              // Publish blocks until it is closed
	lose    int                        // that many deliveries are skipped
	shift   uint64                     // added to all offsets
	trimmed uint64                     // the log no longer has the messages up to this offset
	epoch   string                     // replaces the epoch of the log
	running map[int]context.CancelFunc // end the subscriptions
	begun   int                        // subscriptions so far
	taken   int                        // messages that Publish received
	retries int                        // Publish calls that failed
}

var errBroker = errors.New("broker is down")

func newFaults() *faults {
	return &faults{log: new(pull.Memory), running: make(map[int]context.CancelFunc)}
}

// node returns an application on the shared broker.
func (f *faults) node(t *testing.T) *app {
	t.Helper()
	return newApp(t, func(c *pull.Config) { c.Broker = f })
}

func (f *faults) Publish(ctx context.Context, messages ...[]byte) error {
	f.mu.Lock()
	ordered, hold, edit, err, lost := f.log, f.hold, f.edit, f.err, f.acks > 0
	if f.acks > 0 {
		f.acks--
	}
	if err != nil || lost {
		f.retries++
	}
	f.taken += len(messages)
	f.mu.Unlock()

	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	// A retry changes the name in the message, which the contract allows.
	copies := make([][]byte, len(messages))
	for i, m := range messages {
		copies[i] = append([]byte(nil), m...)
		if edit != nil {
			edit(copies[i])
		}
	}
	if err := ordered.Publish(ctx, copies...); err != nil {
		return err
	}
	if lost {
		return errBroker
	}
	return nil
}

func (f *faults) Subscribe(ctx context.Context, window time.Duration, deliver func(string, uint64, []byte)) error {
	f.mu.Lock()
	ordered, away, shift, name, trimmed := f.log, f.away, f.shift, f.epoch, f.trimmed
	inner, cancel := context.WithCancel(ctx)
	number := f.begun
	f.begun++
	f.running[number] = cancel
	f.mu.Unlock()

	defer f.set(func(f *faults) { delete(f.running, number) })
	defer cancel()
	if away != nil {
		return away
	}
	err := ordered.Subscribe(inner, window, func(epoch string, offset uint64, message []byte) {
		if inner.Err() == nil && offset > trimmed && !f.loses() {
			deliver(cmp.Or(name, epoch), offset+shift, message)
		}
	})
	if ctx.Err() != nil {
		return err
	}
	return errBroker
}

func (f *faults) loses() bool {
	f.mu.Lock()
	defer f.mu.Unlock()

	if f.lose > 0 {
		f.lose--
		return true
	}
	return false
}

// set changes how the broker fails.
func (f *faults) set(change func(*faults)) {
	f.mu.Lock()
	defer f.mu.Unlock()

	change(f)
}

func (f *faults) rewrite(edit func([]byte)) { f.set(func(f *faults) { f.edit = edit }) }

// interrupt ends the running subscriptions.
func (f *faults) interrupt() {
	f.set(func(f *faults) {
		for _, cancel := range f.running {
			cancel()
		}
	})
}

// newEpoch loses the log.
func (f *faults) newEpoch() {
	f.set(func(f *faults) { f.log = new(pull.Memory) })
	f.interrupt()
}

// count returns how many messages Publish received.
func (f *faults) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()

	return f.taken
}

// goBack loses the end of the log, but not its name.
func (f *faults) goBack(to uint64) {
	ctx, cancel := context.WithCancel(context.Background())
	shorter := new(pull.Memory)
	var name string
	_ = f.log.Subscribe(ctx, time.Hour, func(epoch string, offset uint64, message []byte) {
		name = epoch
		if offset > to {
			cancel()
			return
		}
		_ = shorter.Publish(ctx, message)
	})
	f.set(func(f *faults) { f.log, f.epoch = shorter, name })
	f.interrupt()
}

// swapLastTwo has the log hold its last two messages the other way round, in the
// same epoch.
func (f *faults) swapLastTwo() {
	var all [][]byte
	epoch := ""
	ctx, cancel := context.WithCancel(context.Background())
	last := f.count()
	_ = f.log.Subscribe(ctx, time.Hour, func(name string, offset uint64, message []byte) {
		epoch = name
		if all = append(all, message); int(offset) == last {
			cancel()
		}
	})
	n := len(all)
	all[n-1], all[n-2] = all[n-2], all[n-1]
	other := new(pull.Memory)
	_ = other.Publish(context.Background(), all...)
	f.set(func(f *faults) { f.log, f.epoch = other, cmp.Or(f.epoch, epoch) })
	f.interrupt()
}

// reports collects the errors passed to OnError.
type reports struct {
	mu   sync.Mutex // guards list
	list []error
}

func (r *reports) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.list = append(r.list, err)
}

func (r *reports) contain(text string) bool { return r.count(text) > 0 }

func (r *reports) count(text string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()

	for _, err := range r.list {
		if strings.Contains(err.Error(), text) {
			n++
		}
	}
	return n
}

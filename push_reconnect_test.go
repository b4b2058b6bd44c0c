package pull_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// A flaky log can be away for one node, which then reads what it has missed.
type flaky struct {
	pull.Broker
	mu   sync.Mutex
	away bool
	back chan struct{}
}

func (f *flaky) set(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = away
	if !away {
		close(f.back)
	} else {
		f.back = make(chan struct{})
	}
}

func (f *flaky) state() (bool, chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.away, f.back
}

func (f *flaky) Publish(ctx context.Context, messages ...[]byte) error {
	if away, _ := f.state(); away {
		return errors.New("away")
	}
	return f.Broker.Publish(ctx, messages...)
}

func (f *flaky) Subscribe(ctx context.Context, window time.Duration, deliver func(string, uint64, []byte)) error {
	return f.Broker.Subscribe(ctx, window, func(epoch string, offset uint64, message []byte) {
		if away, back := f.state(); away {
			select {
			case <-back:
			case <-ctx.Done():
				return
			}
		}
		deliver(epoch, offset, message)
	})
}

// A node is cut off for so long that another one takes over what it had to send,
// and returns before that is due.
func TestNodeThatReturnsDoesNotSendWhatAnotherHasTakenOver(t *testing.T) {
	for name, everyone := range map[string]bool{"to a user": false, "to everyone": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, notified := new(pull.Memory), newPostman()
				cable := &flaky{Broker: log}
				configure := func(c *pull.Config) {
					c.Broker, c.Pusher, c.OnError, c.PushPatience = log, aware{notified, []string{"42"}}, func(error) {}, 5*time.Minute
				}
				returns := newApp(t, func(c *pull.Config) { configure(c); c.Broker = cable })
				lives := newApp(t, configure)
				defer stopAll(t, []*app{lives, returns})
				live(lives.dial(t, "42", ""))
				synctest.Wait()
				to := pull.User("42")
				if everyone {
					to = pull.Shared()
				}
				sendEvent(t, returns, to, push("hi", ""))
				pass(10 * time.Second)
				cable.set(true)
				pass(2 * time.Minute)
				cable.set(false)

				if got := notified.delivered(5 * time.Minute); len(got) != 1 {
					t.Errorf("got %q, want one notification", got)
				}
			})
		})
	}
}

// A look makes unnecessary what was sent before it, even if the log has it later than
// what was sent after.
func TestLookThatArrivesLateConcernsWhatWasSentBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, notified := new(pull.Memory), newPostman()
		cable := &flaky{Broker: log}
		configure := func(c *pull.Config) { c.Broker, c.Pusher, c.OnError = log, notified, func(error) {} }
		sends := newApp(t, configure)
		shows := newApp(t, func(c *pull.Config) { configure(c); c.Broker = cable })
		defer stopAll(t, []*app{sends, shows})
		synctest.Wait()
		p := shows.dial(t, "42", "")
		live(p)
		sendEvent(t, sends, pull.User("42"), push("before", ""))
		synctest.Wait()

		cable.set(true)
		p.report(t, looks)
		p.report(t, hides)
		pass(3 * time.Second)
		sendEvent(t, sends, pull.User("42"), push("after", ""))
		pass(3 * time.Second)
		cable.set(false)

		notified.hasDelivered(t, 3*time.Minute, "42 after +18")
	})
}

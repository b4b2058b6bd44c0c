package pull_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// A Pusher may use the plugin.
func TestPusherMaySendAndRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var a *app
		a, notified := newPushApp(t, func(c *pull.Config) {
			c.PushAllow = func(context.Context, string, pull.Event) bool {
				return a.Push().Read("43", "x") == nil && a.Push().Withdraw(pull.Shared(), "y") == nil
			}
		})
		defer a.stop(t)
		notified.fail = func(user string, n *pull.Notification) error {
			_ = a.Push().Read(user, n.Tag)
			_ = a.Stats()
			a.disconnect(t, user)
			if n.Title == "first" {
				return a.Send(context.Background(), pull.User(user), push("second", n.Tag))
			}
			return nil
		}

		sendEvent(t, a, pull.User("42"), push("first", "im-7"))

		notified.hasDelivered(t, time.Minute, "42 first +0", "42 second +0")
	})
}

// A user who uses a page a lot while something waits does not fill the log.
func TestLooksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var published atomic.Int64
		notified := newPostman()
		notified.fail = func(user string, _ *pull.Notification) error {
			if user == "other" {
				return &pull.RetryError{After: time.Hour, Err: errBusy}
			}
			return nil
		}
		log := &tally{Broker: new(pull.Memory), published: &published}
		nodes := make([]*app, 2)
		for i := range nodes {
			nodes[i] = newApp(t, func(c *pull.Config) { c.Broker, c.Pusher = log, aware{notified, []string{"other"}} })
		}
		defer stopAll(t, nodes)
		p := nodes[1].dial(t, "42", "")
		live(p)
		sendEvent(t, nodes[0], pull.Shared(), push("all", ""))
		pass(time.Second)
		before := published.Load()

		for range 30 {
			p.report(t, looks)
			pass(time.Second)
		}

		if n := published.Load() - before; n > 10 {
			t.Errorf("30 looks published %d messages", n)
		}
	})
}

type tally struct {
	pull.Broker
	published *atomic.Int64
}

func (c *tally) Publish(ctx context.Context, messages ...[]byte) error {
	c.published.Add(int64(len(messages)))
	return c.Broker.Publish(ctx, messages...)
}

// The application may change a Push once Send has returned.
func TestPushIsCopiedBySend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		live(a.dial(t, "42", ""))
		e := push("before", "")

		sendEvent(t, a, pull.User("42"), e)
		*e.Push = pull.Push{Title: "after"}

		notified.hasDelivered(t, time.Minute, "42 before +15")
	})
}

// A notification is taken over by each newer one with its tag, also if many come.
func TestBusyConversationIsNotifiedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, notified := newPushNodes(t, 3)
		defer stopAll(t, nodes)
		live(nodes[0].dial(t, "42", ""))
		for i := range 40 {
			sendEvent(t, nodes[i%3], pull.User("42"), push(strconv.Itoa(i), "im-7"))
			pass(100 * time.Millisecond)
		}

		notified.hasDelivered(t, time.Minute, "42 39 +15")
	})
}

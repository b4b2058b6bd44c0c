package pull_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// newAwareNodes returns nodes that share a log and a Pusher that knows all users
// with devices.
func newAwareNodes(t *testing.T, n int, users ...string) ([]*app, *postman) {
	t.Helper()
	log, notified := new(pull.Memory), newPostman()
	nodes := make([]*app, n)
	for i := range nodes {
		nodes[i] = newApp(t, func(c *pull.Config) { c.Broker, c.Pusher = log, aware{notified, users} })
	}
	synctest.Wait()
	return nodes, notified
}

// The user has looked at a page of another node for a while when everyone is sent
// a notification.
func TestUserWhoLooksAtAnotherNodeGetsNoNotificationToEveryone(t *testing.T) {
	for name, immediately := range map[string]bool{"with patience": false, "immediately": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nodes, notified := newAwareNodes(t, 2, "looks", "offline")
				defer stopAll(t, nodes)
				p := nodes[1].dial(t, "looks", "")
				live(p)
				p.report(t, looks)
				pass(10 * time.Second)
				e := push("all", "")
				e.Push.Immediately = immediately

				sendEvent(t, nodes[0], pull.Shared(), e)

				notified.hasDelivered(t, 3*time.Minute, "offline all +10")
			})
		})
	}
}

// The page at which the user seems to look is of another node, and dead.
func TestUserOfADeadPageOfAnotherNodeIsNotifiedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, notified := newAwareNodes(t, 2, "42")
		defer stopAll(t, nodes)
		p := nodes[1].dial(t, "42", "")
		p.hello(t)
		p.report(t, looks)
		p.SetPingHandler(func(string) error { return nil })
		live(p)

		sendEvent(t, nodes[0], pull.Shared(), push("all", ""))

		if got := notified.delivered(5 * time.Minute); len(got) != 1 {
			t.Errorf("got %q, want one notification", got)
		}
	})
}

// A node stops while it notifies everyone. The other one goes on, and repeats
// nothing.
func TestNodeThatStopsWhileItNotifiesEveryone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var users []string
		for n := range 12_000 {
			users = append(users, fmt.Sprintf("%06d", n))
		}
		nodes, notified := newAwareNodes(t, 2, users...)
		defer stopAll(t, nodes[1:])
		notified.fail = func(string, *pull.Notification) error { pass(time.Second); return nil }
		sendEvent(t, nodes[0], pull.Shared(), push("all", ""))
		pass(10 * time.Second)

		nodes[0].stop(t)

		got, count := notified.delivered(3*time.Minute), make(map[string]int)
		for _, s := range got {
			user, _, _ := strings.Cut(s, " ")
			count[user]++
		}
		if len(got) != len(users) || len(count) != len(users) {
			t.Errorf("got %d notifications of %d users, want one for each of %d", len(got), len(count), len(users))
		}
	})
}

// A withdrawal from everyone but one user leaves the notification of that user,
// also if it was not found yet.
func TestWithdrawalFromOthersDuringTheSearch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asks, notified := make(chan struct{}), newPostman()
		a := newApp(t, func(c *pull.Config) { c.Pusher = slowAudience{aware{notified, []string{"1", "2"}}, asks} })
		defer a.stop(t)
		sendEvent(t, a, pull.Shared(), push("all", "news"))
		synctest.Wait()

		if err := a.Push().Withdraw(pull.Shared().Except("2"), "news"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		close(asks)

		notified.hasDelivered(t, 3*time.Minute, "2 all +0")
	})
}

// A slowAudience knows its users once it may.
type slowAudience struct {
	aware
	may chan struct{}
}

func (s slowAudience) Users(ctx context.Context, after string, limit int) ([]string, error) {
	select {
	case <-s.may:
		return s.aware.Users(ctx, after, limit)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A Pusher that always returns the same users must not notify them for ever.
func TestAudienceWithoutEndIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notified := newPostman()
		var reports []error
		a := newApp(t, func(c *pull.Config) {
			c.Pusher, c.OnError = unending{notified}, func(err error) { reports = append(reports, err) }
		})
		defer a.stop(t)

		sendEvent(t, a, pull.Shared(), push("all", ""))

		notified.hasDelivered(t, time.Minute, "1 all +0", "2 all +0")
		if len(reports) != 1 {
			t.Errorf("got reports %v, want one", reports)
		}
	})
}

type unending struct{ *postman }

func (e unending) Users(context.Context, string, int) ([]string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.sent) > 10 {
		return nil, nil // so that the test ends
	}
	return []string{"1", "2"}, nil
}

// A single node that stops sends what waits, also to users it finds only then.
func TestShutdownNotifiesThoseWhoAreFoundMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asks, notified := make(chan struct{}), newPostman()
		a := newApp(t, func(c *pull.Config) { c.Pusher = slowAudience{aware{notified, []string{"1", "online"}}, asks} })
		live(a.dial(t, "online", ""))
		sendEvent(t, a, pull.Shared(), push("all", ""))
		synctest.Wait()
		go func() {
			pass(time.Second)
			close(asks)
		}()

		a.stop(t)

		if got := notified.delivered(0); len(got) != 2 {
			t.Errorf("got %q, want both", got)
		}
	})
}

var errBusy = errors.New("busy")

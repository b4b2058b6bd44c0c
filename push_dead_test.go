package pull_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// The look at a page runs out between an event and the moment at which its
// connection turns out to be dead.
func TestDeadPageWhoseLookRunsOutMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)
		p.report(t, looks)
		dead := time.Now().Add(4*time.Minute + 40*time.Second)
		respond := p.PingHandler()
		p.SetPingHandler(func(data string) error {
			if time.Now().Before(dead) {
				return respond(data)
			}
			return nil
		})
		live(p)
		pass(time.Until(dead))

		sendEvent(t, a, pull.User("42"), push("hi", "im-7"))

		if got := notified.delivered(3 * time.Minute); len(got) != 1 {
			t.Errorf("got %q, want one notification", got)
		}
	})
}

// The user of a dead page of one node waits for the patience when another node has
// served all others.
func TestDeadPageIsNotForgottenWhenTheOthersAreServed(t *testing.T) {
	for wait := 40 * time.Second; wait < 100*time.Second; wait += 5 * time.Second {
		t.Run(wait.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nodes, notified := newPushNodes(t, 2)
				defer stopAll(t, nodes)
				notified.fail = func(user string, _ *pull.Notification) error {
					if since := time.Since(notified.began); user == "slow" && since < wait {
						return &pull.RetryError{After: wait - since, Err: errBusy}
					}
					return nil
				}
				p := nodes[1].dial(t, "dead", "")
				p.hello(t)
				p.report(t, looks)
				p.SetPingHandler(func(string) error { return nil })
				live(p)

				sendEvent(t, nodes[0], pull.User("dead", "slow"), push("hi", ""))

				if got := notified.delivered(3 * time.Minute); len(got) != 2 {
					t.Errorf("got %q, want two notifications", got)
				}
			})
		})
	}
}

// Two pages of one user, at different nodes: one is dead, the other is looked at.
func TestDeadPageOfAUserWhoLooksAtAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, notified := newPushNodes(t, 2)
		defer stopAll(t, nodes)
		dead, other := nodes[0].dial(t, "42", ""), nodes[1].dial(t, "42", "")
		dead.hello(t)
		dead.report(t, looks)
		dead.SetPingHandler(func(string) error { return nil })
		live(dead)
		live(other)
		other.report(t, looks)

		sendEvent(t, nodes[0], pull.User("42"), push("hi", "im-7"))

		notified.hasDelivered(t, 3*time.Minute)
	})
}

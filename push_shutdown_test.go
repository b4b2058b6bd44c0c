package pull_test

import (
	"context"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// What a shutdown interrupts is sent by another node, also if it is not worth much
// in an hour.
func TestInterruptedNotificationWithAShortLifeIsSentByAnotherNode(t *testing.T) {
	for name, configure := range map[string]func(c *pull.Config){
		"the pusher is interrupted": func(c *pull.Config) {
			c.Pusher = pusherFunc(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		},
		"the application's decision is interrupted": func(c *pull.Config) {
			c.PushAllow = func(ctx context.Context, _ string, _ pull.Event) bool { <-ctx.Done(); return ctx.Err() == nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, notified := new(pull.Memory), newPostman()
				stops := newApp(t, func(c *pull.Config) { c.Broker, c.Pusher = log, notified; configure(c) })
				lives := newApp(t, func(c *pull.Config) { c.Broker, c.Pusher = log, notified })
				defer lives.stop(t)
				e := push("hi", "")
				e.Push.TTL = 30 * time.Minute
				sendEvent(t, stops, pull.User("42"), e)
				synctest.Wait()

				stops.stop(t)

				if got := notified.delivered(time.Minute); len(got) != 1 {
					t.Errorf("got %q, want one notification", got)
				}
			})
		})
	}
}

// In a cluster of which some nodes have no Pusher, as during a deployment, the
// others notify.
func TestNodesWithoutAPusherDoNotKeepOthersFromSending(t *testing.T) {
	for seed := range 8 { // the ids of the nodes are random
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, notified := newTxBroker(), newPostman()
				nodes := []*app{
					newApp(t, func(c *pull.Config) { c.Broker = b }),
					newApp(t, func(c *pull.Config) { c.Broker, c.Pusher = b, notified }),
				}
				defer stopAll(t, nodes)
				tx := b.begin()
				if err := nodes[1].SendTx(t.Context(), tx, pull.User("42"), push("hi", "")); err != nil {
					t.Fatal(err)
				}
				tx.commit()

				if got := notified.delivered(2 * time.Minute); len(got) != 1 {
					t.Errorf("got %q, want one notification", got)
				}
			})
		})
	}
}

package pull_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// newPushNodes returns nodes that share a log and a Pusher.
func newPushNodes(t *testing.T, n int) ([]*app, *postman) {
	t.Helper()
	log, notified := new(pull.Memory), newPostman()
	nodes := make([]*app, n)
	for i := range nodes {
		nodes[i] = newApp(t, func(c *pull.Config) { c.Broker, c.Pusher = log, notified })
	}
	synctest.Wait()
	return nodes, notified
}

func stopAll(t *testing.T, nodes []*app) {
	t.Helper()
	for _, a := range nodes {
		a.stop(t)
	}
}

func TestOneNodeOfManyNotifies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, notified := newPushNodes(t, 3)
		defer stopAll(t, nodes)
		live(nodes[2].dial(t, "online", ""))

		for i, a := range nodes {
			sendEvent(t, a, pull.User("offline", "online"), push(fmt.Sprint("from ", i), ""))
		}

		notified.hasDelivered(t, 3*time.Minute,
			"offline from 0 +0", "offline from 1 +0", "offline from 2 +0",
			"online from 0 +15", "online from 1 +15", "online from 2 +15")
	})
}

// The user looks at a page of another node than the one that sends.
func TestLookAtAPageOfAnotherNode(t *testing.T) {
	for name, immediately := range map[string]bool{"in time": false, "before": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nodes, notified := newPushNodes(t, 3)
				defer stopAll(t, nodes)
				p := nodes[1].dial(t, "42", "")
				live(p)
				e := push("hi", "im-7")
				e.Push.Immediately = immediately
				if immediately {
					p.report(t, looks)
				}
				sendEvent(t, nodes[0], pull.User("42"), e)
				pass(10 * time.Second)
				p.report(t, looks)

				notified.hasDelivered(t, 3*time.Minute)
			})
		})
	}
}

// The page is connected to another node than the one that sends, and dead.
func TestDeadPageOfAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, notified := newPushNodes(t, 3)
		defer stopAll(t, nodes)
		p := nodes[1].dial(t, "42", "")
		p.hello(t)
		p.report(t, looks)
		p.SetPingHandler(func(string) error { return nil })
		live(p)

		sendEvent(t, nodes[0], pull.User("42"), push("hi", "im-7"))

		if got := notified.delivered(5 * time.Minute); len(got) != 1 {
			t.Errorf("got %q, want one notification", got)
		}
	})
}

func TestWithdrawalOnAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, notified := newPushNodes(t, 2)
		defer stopAll(t, nodes)
		live(nodes[0].dial(t, "42", ""))
		sendEvent(t, nodes[0], pull.User("42"), push("hi", "im-7"))

		if err := nodes[1].Push().Withdraw(pull.User("42"), "im-7"); err != nil {
			t.Fatal(err)
		}

		notified.hasDelivered(t, 3*time.Minute)
	})
}

// A node that stops leaves what waits to the others, and they send it once.
func TestNodeThatStopsLeavesNotificationsToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, notified := newPushNodes(t, 3)
		defer stopAll(t, nodes[1:])
		live(nodes[2].dial(t, "42", ""))
		sendEvent(t, nodes[0], pull.User("42"), push("waits", ""))
		notified.fail = func(_ string, n *pull.Notification) error {
			if n.Title == "is tried again" && time.Since(notified.began) < time.Minute {
				return &pull.RetryError{After: time.Minute, Err: errors.New("busy")}
			}
			return nil
		}
		sendEvent(t, nodes[0], pull.User("43"), push("is tried again", ""))
		pass(2 * time.Second)

		nodes[0].stop(t)

		got := notified.delivered(5 * time.Minute)
		if len(got) != 2 || got[0] != "42 waits +15" {
			t.Errorf("got %q, want both notifications, one of them after 15 s", got)
		}
	})
}

// What a node was sending when it stopped is sent by another one at once.
func TestNotificationThatAShutdownInterruptsIsSentByAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, notified, first := new(pull.Memory), newPostman(), newPostman()
		interrupted := make(chan error, 1)
		stops := newApp(t, func(c *pull.Config) {
			c.Broker, c.Pusher = log, pusherFunc(func(ctx context.Context) error {
				<-ctx.Done()
				interrupted <- ctx.Err()
				return ctx.Err()
			})
		})
		lives := newApp(t, func(c *pull.Config) { c.Broker, c.Pusher = log, notified })
		defer lives.stop(t)
		sendEvent(t, stops, pull.User("42"), push("hi", ""))
		synctest.Wait()

		stops.stop(t)

		if err := <-interrupted; err == nil {
			t.Error("the call of the pusher was not interrupted")
		}
		notified.hasDelivered(t, 0, fmt.Sprintf("42 hi +%d", int(time.Since(first.began).Seconds())))
	})
}

// A pusherFunc is a Pusher that does the same for every notification.
type pusherFunc func(ctx context.Context) error

func (f pusherFunc) Push(ctx context.Context, _ string, _ *pull.Notification) error { return f(ctx) }

// An unplugged is a log of which one node can be cut off, as if it had died.
type unplugged struct {
	pull.Broker
	mu  sync.Mutex
	cut bool
}

func (u *unplugged) isCut() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.cut
}

func (u *unplugged) unplug() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cut = true
}

func (u *unplugged) Publish(ctx context.Context, messages ...[]byte) error {
	if u.isCut() {
		return errors.New("unplugged")
	}
	return u.Broker.Publish(ctx, messages...)
}

func (u *unplugged) Subscribe(ctx context.Context, window time.Duration, deliver func(string, uint64, []byte)) error {
	return u.Broker.Subscribe(ctx, window, func(epoch string, offset uint64, message []byte) {
		if !u.isCut() {
			deliver(epoch, offset, message)
		}
	})
}

// A node that dies without a word is noticed after a minute. The node that was
// only cut off sends nothing any more.
func TestNodeThatDiesLeavesNotificationsToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, notified := new(pull.Memory), newPostman()
		cable := &unplugged{Broker: log}
		dies := newApp(t, func(c *pull.Config) {
			c.Broker, c.Pusher, c.PushPatience, c.OnError = cable, notified, time.Minute, func(error) {}
		})
		lives := newApp(t, func(c *pull.Config) { c.Broker, c.Pusher, c.PushPatience = log, notified, time.Minute })
		live(lives.dial(t, "42", ""))
		sendEvent(t, dies, pull.User("42"), push("waits", ""))
		synctest.Wait()

		cable.unplug()

		if got := notified.delivered(5 * time.Minute); len(got) != 1 {
			t.Errorf("got %q, want one notification", got)
		}
		lives.stop(t)
		_ = dies.end(t)
	})
}

// A node that starts later knows from the log what was sent, and what waits.
func TestNewNodeDoesNotRepeatNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, notified := newPushNodes(t, 1)
		a := nodes[0]
		live(a.dial(t, "42", ""))
		sendEvent(t, a, pull.User("42", "43"), push("hi", "im-7"))
		sendEvent(t, a, pull.User("44"), push("other", ""))
		pass(time.Second)
		b := newApp(t, func(c *pull.Config) { c.Broker, c.Pusher = a.Log(), notified })
		defer b.stop(t)
		pass(time.Second)

		a.stop(t)

		notified.hasDelivered(t, 3*time.Minute, "43 hi +0", "44 other +0", "42 hi +15")
	})
}

// The only node sends what waits before it stops, and the next process, which
// reads the same log, does not repeat it, nor what users had looked at.
func TestRestartOfASingleNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		notified := newPostman()
		file := filepath.Join(t.TempDir(), "state")
		configure := func(c *pull.Config) { c.StateFile, c.Pusher = file, notified }
		a := newApp(t, configure)
		waits, looks42 := a.dial(t, "41", ""), a.dial(t, "42", "")
		live(waits)
		live(looks42)
		looks42.report(t, looks)
		sendEvent(t, a, pull.User("41", "42", "43"), push("hi", "im-7"))
		pass(time.Second)

		a.stop(t)
		notified.hasDelivered(t, 0, "43 hi +0", "41 hi +1")
		b := newApp(t, configure)
		defer b.stop(t)

		notified.hasDelivered(t, 3*time.Minute, "43 hi +0", "41 hi +1")
	})
}

// What the only node has not sent yet, and nobody can know later, is reported.
func TestNotificationsThatAreLostWithTheProcessAreReported(t *testing.T) {
	for name, kept := range map[string]bool{"without a state file": false, "with a state file": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reports []error
				file := filepath.Join(t.TempDir(), "state")
				a, notified := newPushApp(t, func(c *pull.Config) {
					c.OnError = func(err error) { reports = append(reports, err) }
					if kept {
						c.StateFile = file
					}
				})
				notified.fail = func(string, *pull.Notification) error {
					return &pull.RetryError{After: time.Minute, Err: errors.New("busy")}
				}
				p := a.dial(t, "looks", "")
				live(p)
				p.report(t, looks)
				sendEvent(t, a, pull.User("42", "43", "looks"), push("hi", ""))
				pass(time.Second)

				a.stop(t)

				lost := len(reports) == 1 && strings.Contains(reports[0].Error(), "2 notifications")
				if lost == kept || len(reports) > 1 {
					t.Errorf("got reports %v, want two lost notifications: %t", reports, !kept)
				}
			})
		})
	}
}

// Shutdown does not wait for a Pusher that never returns.
func TestShutdownEndsAPusherThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := make(chan struct{})
		a, notified := newPushApp(t, func(c *pull.Config) { c.OnError = func(error) {} })
		notified.fail = func(string, *pull.Notification) error { <-hangs; return nil }
		sendEvent(t, a, pull.User("42"), push("hi", ""))
		synctest.Wait()
		began := time.Now()

		_ = a.end(t)

		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("the shutdown took %s", took)
		}
		close(hangs)
	})
}

// What is sent by several goroutines while others look, read and withdraw.
func TestNotificationsFromManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, notified := newPushNodes(t, 2)
		defer stopAll(t, nodes)
		users := []string{"1", "2", "3", "4"}
		var pages []*page
		for i, user := range users {
			pages = append(pages, nodes[i%2].dial(t, user, ""))
			live(pages[i])
		}
		var all sync.WaitGroup
		for i, user := range users {
			all.Go(func() {
				for n := range 50 {
					tag := fmt.Sprint("tag ", n%5)
					_ = nodes[n%2].Send(t.Context(), pull.User(users...), push("hi", tag))
					_ = nodes[(n+1)%2].Push().Read(user, tag)
					_ = pages[i].WriteMessage(1, []byte([]string{looks, hides}[n%2]))
					pass(time.Duration(n) * 300 * time.Millisecond)
				}
			})
		}
		all.Wait()

		for _, user := range users {
			sendEvent(t, nodes[0], pull.User("last "+user), push("end", ""))
		}
		got := notified.delivered(5 * time.Minute)
		for _, user := range users {
			if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "last "+user+" end") }) {
				t.Errorf("got no notification of user %s, among %d", user, len(got))
			}
		}
	})
}

// A notification of a committed transaction is sent once, by one of the nodes,
// whether the outbox is in the log or beside it, and also if the relay repeats it.
func TestNotificationsOfTransactionsAreSentOnce(t *testing.T) {
	for _, beside := range []bool{false, true} {
		t.Run(fmt.Sprint("beside the log ", beside), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, log, notified := newTxBroker(), new(pull.Memory), newPostman()
				outbox := b.txTable
				if beside {
					outbox = &txTable{crashes: 2}
				}
				var nodes []*app
				for range 3 {
					nodes = append(nodes, newApp(t, func(c *pull.Config) {
						c.Broker, c.Pusher = b, notified
						if beside {
							c.Broker, c.TxOutbox = log, outbox
						}
					}))
				}
				defer stopAll(t, nodes)
				synctest.Wait()
				for i, a := range nodes {
					tx, lost := outbox.begin(), outbox.begin()
					err := errors.Join(
						a.SendTx(t.Context(), tx, pull.User("42"), push(fmt.Sprint("saved ", i), "")),
						a.SendTx(t.Context(), lost, pull.User("42"), push("rolled back", "")))
					if err != nil {
						t.Fatal(err)
					}
					tx.commit()
				}

				if got := notified.delivered(3 * time.Second); len(got) != 3 || strings.Contains(fmt.Sprint(got), "rolled back") {
					t.Errorf("got %q, want three notifications", got)
				}
			})
		})
	}
}

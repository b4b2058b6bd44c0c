package pull_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

// A postman is a Pusher that records what it is given.
type postman struct {
	began time.Time
	fail  func(user string, n *pull.Notification) error // may block; nil: never fails

	mu   sync.Mutex
	sent []string // "user title +seconds"
}

func newPostman() *postman { return &postman{began: time.Now()} }

func (p *postman) Push(_ context.Context, user string, n *pull.Notification) error {
	if p.fail != nil {
		if err := p.fail(user, n); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = append(p.sent, fmt.Sprintf("%s %s +%d", user, n.Title, int(time.Since(p.began).Seconds())))
	return nil
}

// delivered returns what was sent, after a time.
func (p *postman) delivered(after time.Duration) []string {
	pass(after)
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.Sort(p.sent)
	return slices.Clone(p.sent)
}

// hasDelivered fails the test unless exactly this was sent.
func (p *postman) hasDelivered(t *testing.T, after time.Duration, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := p.delivered(after); !slices.Equal(got, want) {
		t.Errorf("got notifications %q, want %q", got, want)
	}
}

// aware is a Pusher that knows all users with devices.
type aware struct {
	*postman
	users []string
}

func (a aware) Users(_ context.Context, after string, limit int) ([]string, error) {
	i, found := slices.BinarySearch(a.users, after)
	if found {
		i++
	}
	return a.users[i:min(i+limit, len(a.users))], nil
}

func newPushApp(t *testing.T, configure func(*pull.Config)) (*app, *postman) {
	t.Helper()
	p := newPostman()
	return newApp(t, func(c *pull.Config) {
		c.Pusher = p
		if configure != nil {
			configure(c)
		}
	}), p
}

// push returns an event with a notification.
func push(title, tag string) pull.Event {
	return pull.Event{Module: "tasks", Command: "note", Push: &pull.Push{Title: title, Tag: tag}}
}

// report sends a frame from a page, and waits until the server has read it.
func (p *page) report(t *testing.T, frame string) {
	t.Helper()
	if err := p.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

const (
	looks = `{"looking":true}`
	hides = `{"looking":false}`
)

// live reads a page to its end, so that it responds to pings.
func live(p *page) {
	go func() {
		for {
			if _, _, err := p.ReadMessage(); err != nil {
				return
			}
		}
	}()
	synctest.Wait()
}

func TestUserWhoIsOfflineIsNotifiedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)

		sendEvent(t, a, pull.User("42"), push("hi", "im-7"))

		notified.hasDelivered(t, 0, "42 hi +0")
		notified.hasDelivered(t, 3*time.Minute, "42 hi +0")
	})
}

func TestUserWhoLooksAtNoPageIsNotifiedAfterThePatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		live(a.dial(t, "42", ""))

		sendEvent(t, a, pull.User("42"), push("hi", "im-7"))

		notified.hasDelivered(t, 14*time.Second)
		notified.hasDelivered(t, 2*time.Second, "42 hi +15")
	})
}

func TestUserWhoLooksAtAPageGetsTheEventAndNoNotification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)
		p.report(t, looks)

		sendEvent(t, a, pull.User("42"), push("hi", "im-7"))

		if got := p.event(t).Command; got != "note" {
			t.Errorf("got %q, want the event", got)
		}
		live(p)
		notified.hasDelivered(t, 3*time.Minute)
	})
}

// A page that is left behind on a screen counts as looked at for five minutes.
func TestPageThatNobodyUsesIsNotLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		live(p)
		p.report(t, looks)
		pass(6 * time.Minute)

		sendEvent(t, a, pull.User("42"), push("hi", "im-7"))

		notified.hasDelivered(t, time.Minute, "42 hi +375")
	})
}

func TestLookingOrReadingInTimeMakesTheNotificationUnnecessary(t *testing.T) {
	for name, act := range map[string]func(t *testing.T, a *app, p *page){
		"look":           func(t *testing.T, _ *app, p *page) { p.report(t, looks) },
		"read on a page": func(t *testing.T, _ *app, p *page) { p.report(t, `{"read":"im-7"}`) },
		"read by a request": func(t *testing.T, a *app, _ *page) {
			if r := a.do(t, http.MethodPost, "/pull/watch", `{"read":"im-7"}`, userHeader, "42"); r.StatusCode != http.StatusOK {
				t.Errorf("got status %d, want 200", r.StatusCode)
			}
		},
		"look at a stream": func(t *testing.T, a *app, _ *page) {
			defer a.stream(t, "42", "?client=a-stream-of-42").close()
			if r := a.do(t, http.MethodPost, "/pull/watch", looks, userHeader, "42", pull.HeaderClient, "a-stream-of-42"); r.StatusCode != http.StatusOK {
				t.Errorf("got status %d, want 200", r.StatusCode)
			}
		},
		"Read": func(t *testing.T, a *app, _ *page) {
			if err := a.Push().Read("42", "im-7"); err != nil {
				t.Error(err)
			}
		},
		"Withdraw from a tag": func(t *testing.T, a *app, _ *page) {
			grant(t, a, "42", "TEAM")
			if err := a.Push().Withdraw(pull.Tag("TEAM"), "im-7"); err != nil {
				t.Error(err)
			}
		},
		"Withdraw from everyone": func(t *testing.T, a *app, _ *page) {
			if err := a.Push().Withdraw(pull.Shared().Except("43"), "im-7"); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, notified := newPushApp(t, nil)
				defer a.stop(t)
				p := a.dial(t, "42", "")
				live(p)
				live(a.dial(t, "43", ""))
				sendEvent(t, a, pull.User("42", "43"), push("hi", "im-7"))
				pass(10 * time.Second)

				act(t, a, p)

				notified.hasDelivered(t, 3*time.Minute, "43 hi +15")
			})
		})
	}
}

// What is not about the tag that was read still comes.
func TestReadingOneThingDoesNotCancelAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		live(a.dial(t, "42", ""))
		sendEvent(t, a, pull.User("42"), push("seven", "im-7"))
		sendEvent(t, a, pull.User("42"), push("eight", "im-8"))

		if err := a.Push().Read("42", "im-7"); err != nil {
			t.Fatal(err)
		}

		notified.hasDelivered(t, time.Minute, "42 eight +15")
	})
}

// A hidden page that connects again does not look.
func TestHiddenPageDoesNotCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		live(p)
		sendEvent(t, a, pull.User("42"), push("hi", "im-7"))

		p.report(t, hides)

		notified.hasDelivered(t, time.Minute, "42 hi +15")
	})
}

func TestSeveralWithOneTagAreOneNotification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		live(a.dial(t, "42", ""))

		for _, title := range []string{"one", "two", "three"} {
			sendEvent(t, a, pull.User("42"), push(title, "im-7"))
			sendEvent(t, a, pull.User("42"), push(title, "")) // without a tag each is one
			pass(5 * time.Second)
		}

		notified.hasDelivered(t, 3*time.Minute, "42 three +15", "42 one +15", "42 two +20", "42 three +25")
	})
}

func TestImmediatelyDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		live(a.dial(t, "42", ""))
		p := a.dial(t, "43", "")
		live(p)
		p.report(t, looks)
		e := push("call", "")
		e.Push.Immediately = true

		sendEvent(t, a, pull.User("42", "43"), e)

		notified.hasDelivered(t, 0, "42 call +0")
		notified.hasDelivered(t, 3*time.Minute, "42 call +0")
	})
}

func TestWatchersAndEveryoneAreNotified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var notified *postman
		a, _ := newPushApp(t, func(c *pull.Config) {
			notified = newPostman()
			c.Pusher = aware{notified, []string{"1", "2", "3", "looks"}}
		})
		defer a.stop(t)
		p := a.dial(t, "looks", "")
		live(p)
		p.report(t, looks)
		grant(t, a, "1", "TEAM")
		grant(t, a, "4", "TEAM")
		grant(t, a, "looks", "TEAM")

		sendEvent(t, a, pull.Tag("TEAM").Except("4").Or(pull.User("1", "5")), push("team", ""))
		sendEvent(t, a, pull.Shared().Except("2"), push("all", ""))

		notified.hasDelivered(t, 3*time.Minute, "1 team +0", "5 team +0", "1 all +0", "3 all +0")
	})
}

// A push to very many users does not need memory for all of them at once.
func TestEveryoneIsNotifiedInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var users []string
		for n := range 12_000 {
			users = append(users, fmt.Sprintf("%06d", n))
		}
		var notified *postman
		a, _ := newPushApp(t, func(c *pull.Config) {
			notified = newPostman()
			c.Pusher = aware{notified, users}
		})
		defer a.stop(t)

		sendEvent(t, a, pull.Shared(), push("all", ""))

		if got := len(notified.delivered(time.Minute)); got != len(users) {
			t.Errorf("got %d notifications, want %d", got, len(users))
		}
	})
}

func TestFailedHandlerNotifiesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		a.echo.POST("/:outcome", pull.Handler(func(c pull.Context) error {
			if err := c.Pull().Send(pull.User("42"), push(c.Param("outcome"), "")); err != nil {
				return err
			}
			if c.Param("outcome") == "fails" {
				return errors.New("the database is away")
			}
			return c.NoContent(http.StatusNoContent)
		}))

		a.do(t, http.MethodPost, "/fails", "")
		a.do(t, http.MethodPost, "/succeeds", "")

		notified.hasDelivered(t, time.Minute, "42 succeeds +0")
	})
}

// Of several events with one key only the last one notifies.
func TestKeyReplacesNotifications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		a.echo.POST("/", pull.Handler(func(c pull.Context) error {
			for _, title := range []string{"first", "last"} {
				e := push(title, "")
				e.Key = "k"
				if err := c.Pull().Send(pull.User("42"), e); err != nil {
					return err
				}
			}
			return c.NoContent(http.StatusNoContent)
		}))

		a.do(t, http.MethodPost, "/", "")

		notified.hasDelivered(t, time.Minute, "42 last +0")
	})
}

func TestPushWithoutACommandReachesNoPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)
		e := push("only", "")
		e.Command = ""

		sendEvent(t, a, pull.User("42"), e)
		send(t, a, pull.User("42"), "next")

		if got := p.event(t).Command; got != "next" {
			t.Errorf("got %q, want the next event", got)
		}
		live(p)
		notified.hasDelivered(t, time.Minute, "42 only +15")
	})
}

func TestPushAllowDecidesAtTheMomentOfSending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		var reports []error
		a, notified := newPushApp(t, func(c *pull.Config) {
			c.OnError = func(err error) { reports = append(reports, err) }
			c.PushAllow = func(_ context.Context, user string, e pull.Event) bool {
				asked = append(asked, fmt.Sprintf("%s %s/%s %s %s", user, e.Module, e.Command, e.Params, e.Push.Tag))
				if user == "2" {
					panic("no such table")
				}
				return user == "1"
			}
		})
		defer a.stop(t)
		e := push("hi", "im-7")
		e.Params = map[string]int{"ID": 7}

		for _, user := range []string{"1", "2", "3"} {
			sendEvent(t, a, pull.User(user), e)
			synctest.Wait()
		}

		notified.hasDelivered(t, 3*time.Minute, "1 hi +0")
		if want := []string{`1 tasks/note {"ID":7} im-7`, `2 tasks/note {"ID":7} im-7`, `3 tasks/note {"ID":7} im-7`}; !slices.Equal(asked, want) {
			t.Errorf("PushAllow got %q, want %q", asked, want)
		}
		if len(reports) != 1 || !strings.Contains(reports[0].Error(), "no such table") {
			t.Errorf("got reports %v, want the panic", reports)
		}
	})
}

// What a Pusher wants to be tried again is checked again.
func TestNotificationIsTriedAgainUntilItIsUnnecessary(t *testing.T) {
	for name, c := range map[string]struct {
		act   func(t *testing.T, a *app)
		tries int
	}{
		"until it succeeds": {func(*testing.T, *app) {}, 4},
		"until it is read":  {func(_ *testing.T, a *app) { _ = a.Push().Read("42", "im-7") }, 2},
		"until it is looked at": {func(t *testing.T, a *app) {
			p := a.dial(t, "42", "")
			live(p)
			p.report(t, looks)
		}, 2},
		"until there is a newer one": {func(t *testing.T, a *app) { sendEvent(t, a, pull.User("42"), push("new", "im-7")) }, 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				a, notified := newPushApp(t, nil)
				defer a.stop(t)
				notified.fail = func(_ string, n *pull.Notification) error {
					if tries++; tries < 4 && n.Title == "hi" {
						return &pull.RetryError{After: time.Minute, Err: errors.New("busy")}
					}
					return nil
				}
				sendEvent(t, a, pull.User("42"), push("hi", "im-7"))
				pass(90 * time.Second) // two tries

				c.act(t, a)

				notified.delivered(10 * time.Minute)
				if tries != c.tries {
					t.Errorf("got %d tries, want %d", tries, c.tries)
				}
			})
		})
	}
}

func TestExpiredNotificationIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		notified.fail = func(string, *pull.Notification) error {
			tries++
			return &pull.RetryError{After: time.Minute, Err: errors.New("busy")}
		}
		e := push("hi", "")
		e.Push.TTL = 150 * time.Second

		sendEvent(t, a, pull.User("42"), e)

		notified.hasDelivered(t, 3*time.Minute)
		if tries != 3 {
			t.Errorf("got %d tries in 150 s, want 3", tries)
		}
	})
}

// A notification whose time is shorter than the patience is not sent too late.
func TestNotificationThatExpiresWhileItWaitsIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		live(a.dial(t, "42", ""))
		e := push("hi", "")
		e.Push.TTL = 10 * time.Second

		sendEvent(t, a, pull.User("42"), e)

		notified.hasDelivered(t, 3*time.Minute)
	})
}

// What is replaced or read while it is being sent is not tried again.
func TestNotificationIsNotTriedAgainAfterANewerOne(t *testing.T) {
	for name, act := range map[string]func(t *testing.T, a *app){
		"replaced": func(t *testing.T, a *app) { sendEvent(t, a, pull.User("42"), push("new", "im-7")) },
		"read":     func(_ *testing.T, a *app) { _ = a.Push().Read("42", "im-7") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				a, notified := newPushApp(t, nil)
				defer a.stop(t)
				notified.fail = func(_ string, n *pull.Notification) error {
					if n.Title == "new" {
						return nil
					}
					tries++
					pass(10 * time.Second)
					return &pull.RetryError{After: time.Second, Err: errors.New("busy")}
				}
				sendEvent(t, a, pull.User("42"), push("old", "im-7"))
				pass(time.Second)

				act(t, a)

				if notified.delivered(10 * time.Minute); tries != 1 {
					t.Errorf("got %d tries, want 1", tries)
				}
			})
		})
	}
}

// While a notification is on its way, a newer one with the same tag waits, or the
// older one might replace it on the device.
func TestNewerNotificationDoesNotOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		notified.fail = func(_ string, n *pull.Notification) error {
			if n.Title == "old" {
				pass(20 * time.Second)
			}
			return nil
		}
		sendEvent(t, a, pull.User("42"), push("old", "im-7"))
		pass(time.Second)

		sendEvent(t, a, pull.User("42"), push("new", "im-7"))
		sendEvent(t, a, pull.User("42"), push("other", "im-8"))

		notified.hasDelivered(t, 3*time.Minute, "42 old +20", "42 new +20", "42 other +1")
	})
}

func TestFailuresOfThePusherAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var reports []error
		a, notified := newPushApp(t, func(c *pull.Config) {
			c.OnError = func(err error) { mu.Lock(); defer mu.Unlock(); reports = append(reports, err) }
		})
		defer a.stop(t)
		notified.fail = func(user string, _ *pull.Notification) error {
			if user == "panics" {
				panic("a nil map")
			}
			return errors.New("401 from push.example")
		}

		for range 100 {
			sendEvent(t, a, pull.User("42"), push("hi", ""))
		}
		sendEvent(t, a, pull.User("panics"), push("hi", ""))

		notified.hasDelivered(t, 3*time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if len(reports) != 2 || !strings.Contains(errors.Join(reports...).Error(), "401 from push.example") {
			t.Errorf("got %v, want one report of each failure", reports)
		}
	})
}

// A page whose connection is dead has received nothing. Its user is notified once
// that is noticed.
func TestUserOfADeadPageIsNotified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)
		p.report(t, looks) // and from now on it reads nothing, and answers no ping
		p.SetPingHandler(func(string) error { return nil })
		live(p)

		sendEvent(t, a, pull.User("42"), push("hi", "im-7"))

		notified.hasDelivered(t, 50*time.Second)
		if got := notified.delivered(2 * time.Minute); len(got) != 1 {
			t.Errorf("got %q, want one notification", got)
		}
	})
}

// A page that reports anything was connected until then.
func TestPageThatDiesLaterHasReceivedWhatWasSentBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)
		p.report(t, looks)
		sendEvent(t, a, pull.User("42"), push("hi", "im-7"))
		p.event(t)
		p.report(t, hides)
		p.SetPingHandler(func(string) error { return nil })

		live(p)

		notified.hasDelivered(t, 3*time.Minute)
	})
}

// A page that is closed properly has received what was sent before.
func TestUserWhoClosesThePageIsNotNotifiedOfWhatItShowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)
		p.report(t, looks)
		sendEvent(t, a, pull.User("42"), push("shown", "im-7"))
		p.event(t)
		quit(p)

		sendEvent(t, a, pull.User("42"), push("not shown", "im-8"))

		notified.hasDelivered(t, 3*time.Minute, "42 not shown +15")
	})
}

func TestWithdrawalClosesWhatIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newPushApp(t, nil)
		defer a.stop(t)
		p, other := a.dial(t, "42", ""), a.dial(t, "43", "")
		at := p.hello(t)
		other.hello(t)

		if err := a.Push().Withdraw(pull.User("42"), `im-"7"`); err != nil {
			t.Fatal(err)
		}
		send(t, a, pull.User("42", "43"), "next")

		if m := p.control(t); m.Module != "pull" || m.Command != "withdraw" || m.Params["tag"] != `im-"7"` {
			t.Errorf("got %+v, want the withdrawal", m)
		}
		if m := other.event(t); m.Command != "next" {
			t.Errorf("got %+v, want the next event", m)
		}
		late := a.dial(t, "42", fmt.Sprintf("?cursor=%s.%v", at.Params["epoch"], at.Params["offset"]))
		late.hello(t)
		if m := late.event(t); m.Command != "withdraw" {
			t.Errorf("a page that returns got %+v, want the withdrawal", m)
		}
	})
}

// Pages report only what is of use.
func TestHelloTellsPagesToReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		with, _ := newPushApp(t, nil)
		defer with.stop(t)
		without := newApp(t, nil)
		defer without.stop(t)

		for a, want := range map[*app]any{with: true, without: nil} {
			p := a.dial(t, "42", "")
			if got := p.hello(t).Params["push"]; got != want {
				t.Errorf("got push %v, want %v", got, want)
			}
			p.report(t, looks)
			p.report(t, `{"read":"im-7"}`)
			send(t, a, pull.User("42"), "next")
			if got := p.event(t).Command; got != "next" && got != "withdraw" {
				t.Errorf("got %q, want the next event", got)
			}
		}
	})
}

func TestImpossibleNotificationsAreErrorsOfSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		without := newApp(t, nil)
		defer without.stop(t)
		with := func(change func(*pull.Push)) pull.Event {
			e := push("title", "")
			change(e.Push)
			return e
		}

		for name, c := range map[string]struct {
			app *app
			to  pull.Target
			e   pull.Event
			err error // nil: any
		}{
			"no pusher":         {without, pull.User("1"), push("hi", ""), pull.ErrNoPusher},
			"no audience":       {a, pull.User("1").Or(pull.Shared().Except("2")), push("hi", ""), pull.ErrNoPusher},
			"no title":          {a, pull.User("1"), with(func(p *pull.Push) { p.Title = "" }), nil},
			"too large":         {a, pull.User("1"), with(func(p *pull.Push) { p.Body = strings.Repeat("x", 3990) }), pull.ErrTooLarge},
			"too large, escape": {a, pull.User("1"), with(func(p *pull.Push) { p.Body = strings.Repeat("\x01", 700) }), pull.ErrTooLarge},
			"negative TTL":      {a, pull.User("1"), with(func(p *pull.Push) { p.TTL = -1 }), nil},
			"script":            {a, pull.User("1"), with(func(p *pull.Push) { p.URL = "javascript:alert(1)" }), nil},
			"blank title":       {a, pull.User("1"), with(func(p *pull.Push) { p.Title = " \n" }), nil},
			"not UTF-8":         {a, pull.User("1"), with(func(p *pull.Push) { p.Body = "a\xff" }), nil},
			"relative URL":      {a, pull.User("1"), with(func(p *pull.Push) { p.URL = "im/bob" }), nil},
			"query alone":       {a, pull.User("1"), with(func(p *pull.Push) { p.URL = "?a" }), nil},
			"other host":        {a, pull.User("1"), with(func(p *pull.Push) { p.URL = "//evil.test" }), nil},
			"other host, \\":    {a, pull.User("1"), with(func(p *pull.Push) { p.URL = "/\\evil.test" }), nil},
			"no host":           {a, pull.User("1"), with(func(p *pull.Push) { p.URL = "https:/im" }), nil},
			"not escaped":       {a, pull.User("1"), with(func(p *pull.Push) { p.URL = "/im/50% off" }), nil},
			"no URL":            {a, pull.User("1"), with(func(p *pull.Push) { p.Icon = "::" }), nil},
			"topic":             {a, pull.User("1"), with(func(p *pull.Push) { p.Topic = "a b" }), nil},
			"long topic":        {a, pull.User("1"), with(func(p *pull.Push) { p.Topic = strings.Repeat("a", 33) }), nil},
			"urgency":           {a, pull.User("1"), with(func(p *pull.Push) { p.Urgency = "now" }), nil},
			"badge":             {a, pull.User("1"), with(func(p *pull.Push) { p.Badge = -2 }), nil},
			"tag":               {a, pull.User("1"), with(func(p *pull.Push) { p.Tag = "a\nb" }), nil},
			"unknown module":    {a, pull.User("1"), pull.Event{Module: "x", Push: &pull.Push{Title: "x"}}, pull.ErrUnknownModule},
		} {
			if err := c.app.Send(t.Context(), c.to, c.e); err == nil || c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("%s: got %v, want an error %v", name, err, c.err)
			}
		}
		if err := without.Push().Read("42", "im-7"); !errors.Is(err, pull.ErrNoPusher) {
			t.Errorf("Read without a Pusher: got %v, want %v", err, pull.ErrNoPusher)
		}
		for _, tag := range []string{"", "a\nb", strings.Repeat("x", 256)} {
			if err := a.Push().Read("42", tag); err == nil {
				t.Errorf("Read of the tag %q: got nil, want an error", tag)
			}
		}
		notified.hasDelivered(t, 3*time.Minute)
	})
}

// The largest numbers and times are no errors.
func TestExtremeNotificationsAreSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []time.Duration
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		notified.fail = func(_ string, n *pull.Notification) error {
			got = append(got, n.TTL, n.Expires.Sub(n.Sent))
			return nil
		}
		e := push(strings.Repeat("ü", 100), strings.Repeat("t", 255))
		e.Push.TTL, e.Push.Badge, e.Push.URL = longest, int(^uint(0)>>1), "https://app.test/?q=<&>#a"

		sendEvent(t, a, pull.User("42"), e)

		notified.delivered(time.Minute)
		if want := 28 * 24 * time.Hour; len(got) != 2 || got[0] != want || got[1] != want {
			t.Errorf("got TTLs %v, want four weeks", got)
		}
	})
}

// A user whom an application notifies in a loop gets the last ones, and the
// application learns of the others.
func TestTooManyNotificationsOfAUserAreDroppedAndReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var reports []error
		a, notified := newPushApp(t, func(c *pull.Config) {
			c.OnError = func(err error) { mu.Lock(); defer mu.Unlock(); reports = append(reports, err) }
		})
		defer a.stop(t)
		live(a.dial(t, "42", ""))
		for n := range 120 {
			sendEvent(t, a, pull.User("42"), push(strconv.Itoa(n), ""))
		}
		synctest.Wait()

		if s := a.Stats(); s.PushesWaiting != 100 || s.PushesDropped != 20 {
			t.Errorf("got %d that wait and %d that were dropped, want 100 and 20", s.PushesWaiting, s.PushesDropped)
		}
		if got := notified.delivered(time.Minute); len(got) != 100 || !slices.Contains(got, "42 119 +15") || slices.Contains(got, "42 0 +15") {
			t.Errorf("got %d notifications, want the last 100", len(got))
		}
		mu.Lock()
		defer mu.Unlock()
		if len(reports) == 0 || len(reports) > 2 || !strings.Contains(reports[0].Error(), "dropped") {
			t.Errorf("got reports %v, want one of dropped notifications, and one more after a minute", reports)
		}
	})
}

package pull_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// own returns an event of which single users get more.
func own(params any, perUser map[string]any) pull.Event {
	e := event("x", params)
	e.PerUser = perUser
	return e
}

// extra returns an event with that extra.
func extra(more map[string]any) pull.Event {
	e := event("x", nil)
	e.Extra = more
	return e
}

// unread returns an event about an unread message, of which each user has another number.
func unread(n int) pull.Event {
	count := func(of int) map[string]any { return map[string]any{"unread": of} }
	return own(map[string]any{"n": n, "unread": 0}, map[string]any{"42": count(420 + n), "7": count(70 + n), "9": count(90 + n)})
}

// seesUnread fails unless the params are what a user gets of the event n.
func seesUnread(t *testing.T, user string, n int, params map[string]any) {
	t.Helper()
	want := map[string]any{"n": float64(n), "unread": map[string]float64{"42": float64(420 + n), "7": float64(70 + n)}[user]}
	if !reflect.DeepEqual(params, want) {
		t.Errorf("user %q: got %v, want %v", user, params, want)
	}
}

// Live and replayed, on two nodes, in each form.
func TestEachUserGetsTheOwnParamsInEachForm(t *testing.T) {
	for _, query := range []string{"?protocol=2", "?protocol=1"} {
		for _, user := range []string{"42", "7", ""} {
			t.Run(fmt.Sprintf("%s user %q", query, user), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					log := new(pull.Memory)
					guests := func(c *pull.Config) { c.Broker, c.Guests = log, true }
					a, b := newApp(t, guests), newApp(t, guests)
					defer a.stop(t)
					defer b.stop(t)
					page, live, html := a.dial(t, user, query), b.stream(t, user, query), b.html(t, user, "?format=htmx")
					defer live.close()
					defer html.close()
					at := cursorAt(page.hello(t))
					live.hello(t)
					html.next(t)
					to := pull.Shared().Except("9")

					sendEvent(t, a, to, unread(1))
					sendEvent(t, b, to, unread(2))

					back, away := b.dial(t, user, query+"&cursor="+at), a.stream(t, user, query+"&cursor="+at)
					defer away.close()
					for n := 1; n <= 2; n++ {
						seesUnread(t, user, n, page.event(t).Params)
						seesUnread(t, user, n, back.event(t).Params)
						var shown map[string]any
						if err := json.Unmarshal([]byte(html.shown(t).data), &shown); err != nil {
							t.Fatal(err)
						}
						seesUnread(t, user, n, shown)
					}
					for _, s := range []*stream{live, away} {
						for n := 0; n < 2; {
							_, messages := s.next(t)
							for _, m := range messages {
								if m.ID > 0 {
									n++
									seesUnread(t, user, n, m.Params)
								}
							}
						}
					}
				})
			})
		}
	}
}

// What others get stands in no frame of a page.
func TestOwnParamsOfOthersLeaveForNoPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		page := a.dial(t, "42", "")
		page.hello(t)
		secret := func(of string) map[string]any { return map[string]any{"secret": "of-" + of} }
		sendEvent(t, a, pull.User("42", "7"), own(nil, map[string]any{"42": secret("42"), "7": secret("7"), "421": secret("421")}))

		for {
			_, frame, err := page.ReadMessage()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(frame), "of-7") || strings.Contains(string(frame), "of-421") {
				t.Errorf("got %s, want nothing of others", frame)
			}
			if strings.Contains(string(frame), `"tasks:x",{"secret":"of-42"}]`) {
				return
			}
		}
	})
}

func TestUserWhoIsNotAtTheTargetGetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		others, excepted := a.dial(t, "7", "").read(), a.dial(t, "8", "").read()

		sendEvent(t, a, pull.User("42", "8").Except("8"), own(nil, map[string]any{"7": struct{}{}, "8": struct{}{}}))

		others.sees(t)
		excepted.sees(t)
	})
}

// A planned restart keeps what single users get; a page that was away gets the last of a
// series with its own params.
func TestOwnParamsSurviveARestartAndAreKeptLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state")
		keep := func(c *pull.Config) { c.StateFile = file }
		a := newApp(t, keep)
		r, at := a.fresh(t, "42")
		r.leave()
		for n := 1; n <= 3; n++ {
			e := unread(n)
			e.Key, e.Keep = "unread", pull.Last
			sendEvent(t, a, pull.Shared(), e)
		}
		a.stop(t)
		pass(time.Second)
		a = newApp(t, keep)
		defer a.stop(t)
		sendEvent(t, a, pull.Shared(), unread(4))

		page := a.dial(t, "42", "?cursor="+at)

		seesUnread(t, "42", 3, page.event(t).Params)
		seesUnread(t, "42", 4, page.event(t).Params)
	})
}

func TestEventOfATransactionHasOwnParamsAndExtra(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTxBroker()
		a := txApp(t, func(c pull.Context) error {
			e := unread(1)
			e.Extra = map[string]any{"by": "Ann"}
			tx := b.begin()
			if err := c.Pull().SendTx(tx, pull.Shared(), e); err != nil {
				return err
			}
			tx.commit()
			return c.NoContent(http.StatusNoContent)
		}, func(c *pull.Config) { c.Broker = b })
		defer a.stop(t)
		page := a.dial(t, "42", "")
		page.hello(t)

		a.act(t)

		m := page.event(t)
		seesUnread(t, "42", 1, m.Params)
		if m.Extra["by"] != "Ann" {
			t.Errorf("got extra %v, want by Ann", m.Extra)
		}
	})
}

// Extra stands beside what the plugin sets, in both versions, and does not depend on params.
func TestExtraReachesThePage(t *testing.T) {
	for _, query := range []string{"?protocol=2", "?protocol=1"} {
		synctest.Test(t, func(t *testing.T) {
			a := newApp(t, nil)
			defer a.stop(t)
			page := a.dial(t, "42", query)
			page.hello(t)
			for _, params := range []any{nil, []any{1, map[string]any{"a": "}],{"}}, `",{"a":1}`, 7, true} {
				e := event("x", params)
				e.Extra = map[string]any{"by": "Ann <ann@x>", "n": map[string]any{"]": 1}}
				if params == nil {
					e.PerUser = map[string]any{"42": map[string]any{"mine": 1}}
				}
				sendEvent(t, a, pull.User("42"), e)

				var m struct {
					Params, Extra any
				}
				_, frame, err := page.ReadMessage()
				for err == nil && !strings.Contains(string(frame), "Ann") {
					_, frame, err = page.ReadMessage()
				}
				if query == "?protocol=2" {
					err = errors.Join(err, json.Unmarshal(frame[1:len(frame)-1], &[]any{new(any), new(any), new(any), &m.Params, &m.Extra}))
				} else {
					err = errors.Join(err, json.Unmarshal(frame[1:len(frame)-1], &m))
				}
				if err != nil {
					t.Fatalf("%v in %s", err, frame)
				}
				got, _ := m.Extra.(map[string]any)
				want := map[string]any{"by": "Ann <ann@x>", "n": map[string]any{"]": 1.0}}
				if query == "?protocol=1" {
					want["server_time"], want["server_time_unix"] = got["server_time"], got["server_time_unix"]
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("got extra %v, want %v", got, want)
				}
				wantParams, _ := json.Marshal(params)
				if params == nil {
					wantParams = []byte(`{"mine":1}`)
				}
				if gotParams, _ := json.Marshal(m.Params); string(gotParams) != string(wantParams) {
					t.Errorf("got %s, want %s", gotParams, wantParams)
				}
			}
		})
	}
}

// A command may be any text, and a page knows where it begins.
func TestTextAsACommandReachesThePage(t *testing.T) {
	for _, command := range []string{"Новое сообщение", `say "hi" \o/`, "a:b: c", "<b>&amp;", " ", "50 %", "🎉", "::", "__proto__"} {
		synctest.Test(t, func(t *testing.T) {
			a := newApp(t, nil)
			defer a.stop(t)
			current, old, html := a.dial(t, "42", ""), a.dial(t, "42", "?protocol=1"), a.html(t, "42", "?format=htmx")
			defer html.close()
			current.hello(t)
			old.hello(t)
			html.next(t)

			sendEvent(t, a, pull.User("42"), event(command, map[string]any{"ID": 7}))

			for _, p := range []*page{current, old} {
				if m := p.event(t); m.Module != "tasks" || m.Command != command || m.Params["ID"] != 7.0 {
					t.Errorf("got %+v, want %q", m, command)
				}
			}
			name := strings.TrimPrefix(html.shown(t).event, "pull:tasks:")
			if got, err := url.PathUnescape(name); got != command || err != nil || strings.ContainsAny(name, " <>&!'\"\\") {
				t.Errorf("got the name %q, %v, want %q percent-encoded", name, err, command)
			}
		})
	}
}

func TestTypedEventHasOwnParams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		page := a.dial(t, "42", "")
		page.hello(t)
		e := pull.Define[struct{ N, Unread int }]("tasks", "Nr. 1").Event(struct{ N, Unread int }{N: 1})
		e.PerUser = map[string]any{"42": struct{ Unread int }{2}}

		sendEvent(t, a, pull.Shared(), e)

		if m := page.event(t); m.Command != "Nr. 1" || m.Params["N"] != 1.0 || m.Params["Unread"] != 2.0 {
			t.Errorf("got %+v, want the user's own number", m)
		}
	})
}

// A Pusher gets the params that the user's pages would get, and those of nobody else.
func TestNotificationHasWhatIsItsUsersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, notified := newPushApp(t, nil)
		defer a.stop(t)
		var params sync.Map
		notified.fail = func(user string, n *pull.Notification) error {
			params.Store(user, string(n.Params))
			return nil
		}
		e := push("hi", "im-7")
		e.Params, e.Command = map[string]any{"n": 1, "mine": 0}, `say "hi"`
		e.PerUser, e.Extra = map[string]any{"42": map[string]any{"mine": 42}}, map[string]any{"by": "Ann"}

		sendEvent(t, a, pull.User("42", "7"), e)

		notified.hasDelivered(t, 0, "42 hi +0", "7 hi +0")
		for user, want := range map[string]string{"42": `{"n":1,"mine":42}`, "7": `{"mine":0,"n":1}`} {
			if got, _ := params.Load(user); got != want {
				t.Errorf("user %s: got %v, want %s", user, got, want)
			}
		}
	})
}

package pull_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// accounts are the sessions of an application, by what the request has in userHeader.
type accounts struct {
	mu sync.Mutex // guards of
	of map[string]pull.Session
}

// set makes a session last for a time from now on; 0 means that it has no end.
func (l *accounts) set(key, user, id string, lasts time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()

	s := pull.Session{User: user, ID: id}
	if lasts != 0 {
		s.Until = time.Now().Add(lasts)
	}
	if l.of == nil {
		l.of = make(map[string]pull.Session)
	}
	l.of[key] = s
}

func (l *accounts) remove(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()

	delete(l.of, key)
}

func (l *accounts) session(c echo.Context) (pull.Session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	s, ok := l.of[c.Request().Header.Get(userHeader)]
	if !ok {
		return s, echo.ErrUnauthorized
	}
	return s, nil
}

// app returns an application whose requests have these sessions.
func (l *accounts) app(t *testing.T, log pull.Broker) *app {
	t.Helper()
	a := newApp(t, func(c *pull.Config) {
		c.User, c.Session, c.Guests = nil, l.session, true
		c.Broker, c.Secret = log, []byte(strings.Repeat("s", 32))
	})
	a.withGrants()
	return a
}

// renew has a page with a client id renew its session.
func (a *app) renew(t *testing.T, key, client string) (status int, body string) {
	t.Helper()
	response := a.do(t, http.MethodPost, "/pull/session", `{"client":"`+client+`"}`, userHeader, key, pull.HeaderClient, client, "Content-Type", "application/json")
	return response.StatusCode, strings.TrimSpace(text(response))
}

// asked reads until the page is asked to renew its session, and returns its end.
func (p *page) asked(t *testing.T) time.Time {
	t.Helper()
	for {
		if m := p.control(t); m.Command == "session" {
			until, _ := m.Params["until"].(float64)
			return time.Unix(int64(until), 0)
		}
	}
}

// isOver fails unless the connection ends with 4401.
func (p *page) isOver(t *testing.T) {
	t.Helper()
	if code, reason := p.closed(t); code != 4401 || reason != "session over" {
		t.Errorf("closed with %d %q, want 4401 session over", code, reason)
	}
}

func (r *reading) isOver(t *testing.T) {
	t.Helper()
	if _, _, err := r.wait(); !websocket.IsCloseError(err, 4401) {
		t.Errorf("got %v, want close 4401", err)
	}
}

// near fails unless something happened after a time, to within about a second.
func near(t *testing.T, what string, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got < want || got > want+1500*time.Millisecond {
		t.Errorf("%s after %s, want %s", what, got, want)
	}
}

func TestConfigHasEitherUserOrSession(t *testing.T) {
	user := func(echo.Context) (string, error) { return "", nil }
	for name, config := range map[string]pull.Config{"neither": {}, "both": {User: user, Session: new(accounts).session}} {
		if _, err := pull.New(config); err == nil || !strings.Contains(err.Error(), "either User or Session") {
			t.Errorf("%s: got %v, want an error that names both", name, err)
		}
	}
}

func TestConnectionEndsWithItsSession(t *testing.T) {
	for _, lasts := range []time.Duration{time.Second, 10 * time.Second, time.Minute, 40 * time.Hour} {
		t.Run(lasts.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l accounts
				l.set("key", "42", "s1", lasts)
				a := l.app(t, nil)
				defer a.stop(t)
				start := time.Now()
				p := a.dial(t, "key", "")

				if lasts > time.Second {
					if until := p.asked(t); !until.Equal(start.Add(lasts).Truncate(time.Second)) {
						t.Errorf("asked about %s, want %s", until, start.Add(lasts))
					}
					near(t, "asked", start, max(lasts-25*time.Second, lasts/2))
				}
				p.isOver(t)
				near(t, "closed", start, lasts)
			})
		})
	}
}

func TestRenewedSessionCostsNoReconnect(t *testing.T) {
	for user, key := range map[string]string{"42": "user", "": "guest"} {
		t.Run(key, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l accounts
				l.set(key, user, "s1", time.Minute)
				a := l.app(t, nil)
				defer a.stop(t)
				start := time.Now()
				p := a.dial(t, key, "?client=me")
				p.asked(t)
				l.set(key, user, "s2", time.Minute) // the application changes the id when it renews a session

				status, body := a.renew(t, key, "me")
				p.asked(t)
				near(t, "asked again", start, 70*time.Second)
				send(t, a, pull.Shared(), "update")
				p.event(t)

				if want := `{"user":"` + user + `","until":946684895}`; status != http.StatusOK || body != want {
					t.Errorf("got %d %s, want 200 %s", status, body, want)
				}
				if err := a.DisconnectSession("s1"); err != nil { // which the page has no longer
					t.Fatal(err)
				}
				p.isOver(t)
				near(t, "closed", start, 95*time.Second)
			})
		})
	}
}

func TestRenewalOfATabRenewsItsConnection(t *testing.T) {
	for user, key := range map[string]string{"42": "user", "": "guest"} {
		t.Run(key, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l accounts
				l.set(key, user, "s1", time.Minute)
				a := l.app(t, nil)
				defer a.stop(t)
				start := time.Now()
				p := a.dial(t, key, "?client=me")
				p.asked(t)
				l.set(key, user, "s1", time.Minute)

				a.renew(t, key, "me_7")

				p.asked(t)
				near(t, "asked again", start, 70*time.Second)
				p.isOver(t)
				near(t, "closed", start, 95*time.Second)
			})
		})
	}
}

func TestSessionMayLoseItsEndOrGetOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "", time.Minute)
		a := l.app(t, nil)
		defer a.stop(t)
		p := a.dial(t, "key", "?client=me")
		r := p.read()
		l.set("key", "42", "", 0)
		if status, body := a.renew(t, "key", "me"); status != http.StatusOK || body != `{"user":"42"}` {
			t.Errorf("got %d %s, want 200 without an end", status, body)
		}
		pass(time.Hour)
		send(t, a, pull.User("42"), "one")
		r.sees(t, "one")

		l.set("key", "42", "s1", time.Minute)
		a.renew(t, "key", "me")
		pass(59 * time.Second)
		send(t, a, pull.User("42"), "two")
		r.sees(t, "one", "two")
		pass(3 * time.Second)

		if _, _, err := r.wait(); !websocket.IsCloseError(err, 4401) {
			t.Errorf("got %v, want close 4401", err)
		}
	})
}

func TestSessionThatIsOverConnectsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("past", "42", "s1", -time.Nanosecond)
		l.set("ended", "42", "s2", time.Hour)
		a := l.app(t, nil)
		defer a.stop(t)
		if err := a.DisconnectSession("s2"); err != nil {
			t.Fatal(err)
		}

		for _, key := range []string{"past", "ended"} {
			for _, headers := range [][]string{{"Accept", "text/event-stream"}, nil} {
				if got := a.get(t, "/pull", append(headers, userHeader, key)...); got.StatusCode != http.StatusUnauthorized {
					t.Errorf("%s: got %d, want 401", key, got.StatusCode)
				}
			}
			if status, _ := a.renew(t, key, "me"); status != http.StatusUnauthorized {
				t.Errorf("%s: renewal got %d, want 401", key, status)
			}
		}
		pass(59 * time.Second)
		if status, _ := a.renew(t, "ended", "me"); status != http.StatusUnauthorized {
			t.Errorf("after 59 s: got %d, want 401", status)
		}
		pass(15 * time.Second)
		if status, _ := a.renew(t, "ended", "me"); status != http.StatusOK {
			t.Errorf("after 74 s: got %d, want 200: it is for the application to refuse the session", status)
		}
	})
}

func TestSessionsOfAnyEndMeanWhatTheySay(t *testing.T) {
	for name, until := range map[string]time.Time{
		"year 9999":  time.Date(9999, 12, 31, 23, 59, 59, 999, time.UTC),
		"year 100k":  time.Date(100_000, 1, 1, 0, 0, 0, 0, time.UTC),
		"in a month": time.Date(2000, 2, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l accounts
				l.of = map[string]pull.Session{"key": {User: "42", Until: until}}
				a := l.app(t, nil)
				defer a.stop(t)
				r := a.dial(t, "key", "?client=me").read()
				a.renew(t, "key", "me")
				pass(time.Hour)
				send(t, a, pull.User("42"), "update")

				r.sees(t, "update")
			})
		})
	}
}

// A redirect to a login, or an application that has forgotten the session, is no renewal.
func TestRefusedRenewalRenewsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Minute)
		l.set("other", "7", "s2", time.Hour)
		a := l.app(t, nil)
		defer a.stop(t)
		start := time.Now()
		p := a.dial(t, "key", "?client=me")
		p.asked(t)
		l.remove("key")

		if status, _ := a.renew(t, "key", "me"); status != http.StatusUnauthorized {
			t.Errorf("got %d, want 401", status)
		}
		if status, body := a.renew(t, "other", "me"); status != http.StatusOK || !strings.Contains(body, `"user":"7"`) {
			t.Errorf("got %d %s, want the other user", status, body)
		}
		p.isOver(t)
		near(t, "closed", start, time.Minute)
	})
}

func TestRenewalIsParsedStrictly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Minute)
		a := l.app(t, nil)
		defer a.stop(t)
		for body, want := range map[string]int{
			`{"client":"me"}`: 200, `{"client":"me","more":1}`: 200, ``: 400, `{}`: 400, `[]`: 400, `{"client":"a/b"}`: 400,
			`{"client":7}`: 400, `{"client":"` + strings.Repeat("x", 65) + `"}`: 400, strings.Repeat(" ", 17<<10): 413,
		} {
			if got := a.do(t, http.MethodPost, "/pull/session", body, userHeader, "key").StatusCode; got != want {
				t.Errorf("%.30q: got %d, want %d", body, got, want)
			}
		}
		if got := a.do(t, http.MethodPost, "/pull/session", `{"client":"me"}`, userHeader, "key", "Origin", "http://evil.test").StatusCode; got != 403 {
			t.Errorf("of another site: got %d, want 403", got)
		}
	})
}

func TestUsersWithoutSessionsRenewNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)

		if status, _ := a.renew(t, "42", "me"); status != http.StatusNotFound {
			t.Errorf("got %d, want 404", status)
		}
	})
}

func TestStreamEndsWithItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Minute)
		a := l.app(t, nil)
		defer a.stop(t)
		start := time.Now()
		s := a.stream(t, "key", "?client=me")
		defer s.close()
		s.hello(t)
		for {
			if _, messages := s.next(t); messages[0].Command == "session" {
				break
			}
		}
		near(t, "asked", start, 35*time.Second)
		l.set("key", "42", "s1", time.Minute)
		a.renew(t, "key", "me")

		for block := s.block(t); !strings.HasPrefix(block, "event: close"); block = s.block(t) {
			if time.Since(start) > 2*time.Minute {
				t.Fatal("the stream goes on")
			}
		}
		near(t, "closed", start, 95*time.Second)
	})
}

// The client of another library cannot renew a session. It comes back with a new request.
func TestHTMLStreamComesBackWhenItsSessionIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Minute)
		a := l.app(t, nil)
		defer a.stop(t)
		start := time.Now()
		p := a.html(t, "key", "")
		defer p.close()

		got := p.shown(t)

		if got.event != "pull:close" || !strings.Contains(got.data, "4401") {
			t.Errorf("got %+v, want pull:close with 4401", got)
		}
		near(t, "closed", start, time.Minute)
	})
}

package pull_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// kinds are the requests that connect, or would: the path below the mount, and headers.
var kinds = map[string]struct {
	path    string
	headers []string
}{
	"probe":     {"", nil},
	"websocket": {"", handshake},
	"stream":    {"", []string{"Accept", "text/event-stream"}},
	"html":      {"/html", nil},
}

// A refusing makes an application refuse the next request of user 42. It returns what to
// add to the query and to the headers of that.
type refusing func(t *testing.T, a *app) (query string, headers []string)

// Each request that is refused is counted once, whatever it would have become, and is no
// session that was closed.
func TestRefusalOfEachKindOfConnectionIsCountedOnce(t *testing.T) {
	nothing := func(*testing.T, *app) (string, []string) { return "", nil }
	busy := func(user string, headers ...string) refusing {
		return func(t *testing.T, a *app) (string, []string) {
			p, _, err := a.tryDial(t, "", append([]string{userHeader, user}, headers...)...)
			if err != nil {
				t.Fatal(err)
			}
			p.hello(t)
			return "", nil
		}
	}
	f := newFaults()
	for want, test := range map[string]struct {
		configure func(*pull.Config)
		act       refusing
	}{
		"origin": {act: func(*testing.T, *app) (string, []string) { return "", []string{"Origin", "http://evil.test"} }},
		"host":   {func(c *pull.Config) { c.Hosts = []string{"other.test"} }, nothing},
		"login":  {act: func(*testing.T, *app) (string, []string) { return "", []string{userHeader, ""} }},
		"limit_address": {func(c *pull.Config) { c.Guests, c.MaxGuestsPerAddress = true, 1 }, func(t *testing.T, a *app) (string, []string) {
			_, _ = busy("")(t, a)
			return "", []string{userHeader, ""}
		}},
		"limit_user": {func(c *pull.Config) { c.MaxSessionsPerUser = 1 }, busy("42")},
		"limit_node": {func(c *pull.Config) { c.MaxSessions = 1 }, busy("7")},
		"ticket":     {act: func(*testing.T, *app) (string, []string) { return "&ticket=x", nil }},
		"malformed":  {act: func(*testing.T, *app) (string, []string) { return "&client=a/b", nil }},
		"grant": {act: func(*testing.T, *app) (string, []string) {
			long := strings.Repeat("x", 3000)
			return strings.Repeat("&watch="+long+"&grant="+long, 6), nil
		}},
		"shutdown": {act: func(t *testing.T, a *app) (string, []string) {
			if err := a.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			return "", nil
		}},
		"log": {func(c *pull.Config) { f.err, c.Broker = errBroker, f }, nothing},
		"transport": {act: func(_ *testing.T, a *app) (string, []string) {
			a.echo.Use(hiding(func(w http.ResponseWriter) http.ResponseWriter { return counting{w} }))
			return "", nil
		}},
		"session": {func(c *pull.Config) {
			c.User, c.Session = nil, func(echo.Context) (pull.Session, error) { return pull.Session{User: "42", ID: "s"}, nil }
		}, func(t *testing.T, a *app) (string, []string) {
			if err := a.DisconnectSession("s"); err != nil {
				t.Error(err)
			}
			return "", nil
		}},
		"attempts": {func(c *pull.Config) { c.MaxSessionsPerUser = 1 }, func(t *testing.T, a *app) (string, []string) {
			for a.get(t, "/pull", userHeader, "42").StatusCode != http.StatusTooManyRequests {
			}
			for range 2 { // the refusal took a second, which is worth so many attempts
				a.get(t, "/pull", userHeader, "42")
			}
			return "", nil
		}},
	} {
		for name, kind := range kinds {
			t.Run(want+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := newApp(t, test.configure)
					query, headers := test.act(t, a)
					if want == "log" {
						f.set(func(f *faults) { f.err = nil })
					}
					before := a.Stats()

					status := a.status(t, "/pull"+kind.path+"?protocol=2"+query, append(append([]string{userHeader, "42"}, kind.headers...), headers...)...)

					after := a.Stats()
					if got := after.Refused[want] - before.Refused[want]; status < 400 || got != 1 {
						t.Errorf("got status %d, counted %d times: %v", status, got, nonzero(after.Refused))
					}
					if got, want := sum(after.Refused), sum(before.Refused)+1; got != want {
						t.Errorf("got %d refusals, want %d", got, want)
					}
					if got, want := sum(after.CutBy), sum(before.CutBy); got != want || after.Sessions != before.Sessions {
						t.Errorf("got %d sessions and %d cuts, want %d and %d", after.Sessions, got, before.Sessions, want)
					}
					a.stop(t)
				})
			})
		}
	}
}

// status returns the status of a GET, of which it does not read the response.
func (a *app) status(t *testing.T, path string, headers ...string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://app.test"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := a.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// sum returns the sum of counters.
func sum(counts map[string]uint64) (n uint64) {
	for _, count := range counts {
		n += count
	}
	return n
}

// A user who has had too much replayed is closed, and then refused.
func TestReplayBeyondTheLimitIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.WindowBytes = 256 << 20 })
		defer a.stop(t)
		r, at := a.fresh(t, "42")
		r.leave()
		for range 1200 { // 72 MB
			sendEvent(t, a, pull.User("42"), event("x", pad(60_000)))
		}
		a.dial(t, "42", "?cursor="+at).read()
		synctest.Wait()
		for name, kind := range kinds {
			if status := a.status(t, "/pull"+kind.path+"?cursor="+at, append(kind.headers, userHeader, "42")...); status != http.StatusTooManyRequests {
				t.Errorf("%s: got status %d, want 429", name, status)
			}
		}

		counts(t, "cut", a.Stats().CutBy, map[string]uint64{"dead": 1, "replay": 1})
		counts(t, "refused", a.Stats().Refused, map[string]uint64{"replay": uint64(len(kinds))})
	})
}

// A login that was checked before Disconnect is refused, or if the plugin knows when it was
// checked, its page is closed.
func TestDisconnectOfAPageThatConnectsIsCountedOnce(t *testing.T) {
	for name, passes := range map[string]bool{"known": true, "unknown": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, _ := loginApp(t, passes, 2*time.Second)
				defer a.stop(t)
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					if p, _, err := a.tryDial(t, ""); err == nil {
						p.closed(t)
					}
				}()
				pass(time.Second)
				a.disconnect(t, "1")
				<-ended
				synctest.Wait()

				refused, cut := map[string]uint64{"disconnect": 1}, map[string]uint64(nil)
				if passes {
					refused, cut = cut, refused
				}
				counts(t, "refused", a.Stats().Refused, refused)
				counts(t, "cut", a.Stats().CutBy, cut)
			})
		})
	}
}

// Requests of pages are refused for the same reasons as connections.
func TestRefusedRequestsOfPagesAreCountedByReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		a.get(t, "/pull/push", userHeader, "42")
		post := func(path, body, user string) int {
			return a.do(t, http.MethodPost, "/pull/"+path, body, userHeader, user).StatusCode
		}
		post("watch", "{", "42")
		post("watch", strings.Repeat(" ", 17<<10), "42")
		post("send", "{", "42")
		post("watch", `{"extend":["T"]}`, "")
		post("session", `{"client":"abc"}`, "42")
		for post("watch", `{"extend":["T"]}`, "7") != http.StatusTooManyRequests {
		}
		grant(t, a, "42", "T")
		pass(31 * time.Minute)
		if err := a.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		extend := post("watch", `{"extend":["T"]}`, "42")

		counts(t, "refused", a.Stats().Refused, map[string]uint64{"malformed": 3, "login": 1, "attempts": 1, "other": 2, "shutdown": 1})
		if extend != http.StatusServiceUnavailable {
			t.Errorf("after the shutdown: got status %d, want 503", extend)
		}
		a.stop(t)
	})
}

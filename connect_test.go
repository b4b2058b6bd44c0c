package pull_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestHandshake(t *testing.T) {
	for _, tc := range []struct {
		name      string
		configure func(*pull.Config)
		query     string
		headers   []string
		status    int
	}{
		{name: "user", headers: []string{userHeader, "42"}, status: http.StatusSwitchingProtocols},
		{name: "guest", status: http.StatusUnauthorized},
		{name: "allowed guest", configure: func(c *pull.Config) { c.Guests = true }, status: http.StatusSwitchingProtocols},
		{name: "user from the query", query: "?user=42", status: http.StatusUnauthorized},
		{name: "unknown user", configure: func(c *pull.Config) {
			c.User = func(echo.Context) (string, error) { return "", errors.New("no such session") }
		}, status: http.StatusUnauthorized},
		{name: "refused with a status", configure: func(c *pull.Config) {
			c.User = func(echo.Context) (string, error) { return "", echo.NewHTTPError(http.StatusPaymentRequired, "unpaid") }
		}, status: http.StatusPaymentRequired},
		{name: "same site", headers: []string{userHeader, "42", "Origin", "http://app.test"}, status: http.StatusSwitchingProtocols},
		{name: "same site, default port", headers: []string{userHeader, "42", "Origin", "http://APP.test:80"}, status: http.StatusSwitchingProtocols},
		{name: "other site", headers: []string{userHeader, "42", "Origin", "http://evil.test"}, status: http.StatusForbidden},
		{name: "other site that ends alike", headers: []string{userHeader, "42", "Origin", "http://evilapp.test"}, status: http.StatusForbidden},
		{name: "other scheme", headers: []string{userHeader, "42", "Origin", "https://app.test"}, status: http.StatusForbidden},
		{name: "other port", headers: []string{userHeader, "42", "Origin", "http://app.test:8080"}, status: http.StatusForbidden},
		{name: "opaque origin", headers: []string{userHeader, "42", "Origin", "null"}, status: http.StatusForbidden},
		{name: "cross-site without an origin", headers: []string{userHeader, "42", "Sec-Fetch-Site", "cross-site"}, status: http.StatusForbidden},
		{name: "sibling site without an origin", headers: []string{userHeader, "42", "Sec-Fetch-Site", "same-site"}, status: http.StatusForbidden},
		{name: "same origin says no more", headers: []string{userHeader, "42", "Sec-Fetch-Site", "same-origin"}, status: http.StatusSwitchingProtocols},
		{
			name: "allowed sibling", configure: func(c *pull.Config) { c.AllowedOrigins = []string{"http://www.app.test"} },
			headers: []string{userHeader, "42", "Sec-Fetch-Site", "same-site", "Origin", "http://www.app.test"}, status: http.StatusSwitchingProtocols,
		},
		{
			name: "allowed site", configure: func(c *pull.Config) { c.AllowedOrigins = []string{"https://Friend.test/"} },
			headers: []string{userHeader, "42", "Origin", "https://friend.test"}, status: http.StatusSwitchingProtocols,
		},
		{name: "malformed client id", query: "?client=a/b", headers: []string{userHeader, "42"}, status: http.StatusBadRequest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, tc.configure)
				defer a.stop(t)

				p, response, err := a.tryDial(t, tc.query, tc.headers...)

				if response == nil || response.StatusCode != tc.status {
					t.Fatalf("got %v %v, want status %d", response, err, tc.status)
				}
				if p != nil {
					p.hello(t)
				}
			})
		})
	}
}

func TestOriginBehindAProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		// Echo trusts the header only from private peers, and 192.0.2.1 is public.
		_, response, _ := a.tryDial(t, "", userHeader, "42", "Origin", "https://app.test", "X-Forwarded-Proto", "https")

		if response.StatusCode != http.StatusForbidden {
			t.Errorf("status %d for a forged X-Forwarded-Proto, want 403", response.StatusCode)
		}
	})
}

func TestPlainRequestLearnsThatItIsAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)

		if got := a.get(t, "/pull", userHeader, "42").StatusCode; got != http.StatusUpgradeRequired {
			t.Errorf("status %d, want 426", got)
		}
		if got := a.get(t, "/pull").StatusCode; got != http.StatusUnauthorized {
			t.Errorf("status %d for a guest, want 401", got)
		}
		response := a.get(t, "/pull", userHeader, "42", "Connection", "Upgrade", "Upgrade", "websocket")
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d for half a handshake, want 400", response.StatusCode)
		}
	})
}

func TestLimitsOnSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.MaxSessions, c.MaxSessionsPerUser = 3, 2 })
		defer a.stop(t)
		first := a.dial(t, "42", "")
		first.hello(t)
		a.dial(t, "42", "").hello(t)

		if _, response, _ := a.tryDial(t, "", userHeader, "42"); response.StatusCode != http.StatusTooManyRequests || response.Header.Get("Retry-After") == "" {
			t.Errorf("status %d for a user's third session, want 429 with Retry-After", response.StatusCode)
		}
		if got := a.get(t, "/pull", userHeader, "42").StatusCode; got != http.StatusTooManyRequests {
			t.Errorf("status %d for a page that asks why, want 429", got)
		}
		a.dial(t, "7", "").hello(t)
		if _, response, _ := a.tryDial(t, "", userHeader, "8"); response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("status %d for the fourth session, want 503", response.StatusCode)
		}
		_ = first.Close()
		synctest.Wait()
		a.dial(t, "42", "").hello(t)
	})
}

func TestViolations(t *testing.T) {
	for _, tc := range []struct {
		name   string
		kind   int
		frames []string
		reason string
	}{
		{"not JSON", websocket.TextMessage, []string{"hello"}, "malformed request"},
		{"nothing asked", websocket.TextMessage, []string{"{}"}, "malformed request"},
		{"wrong type", websocket.TextMessage, []string{`{"extend":"TASK_7"}`}, "malformed request"},
		{"empty tag", websocket.TextMessage, []string{`{"extend":[""]}`}, "malformed request"},
		{"long tag", websocket.TextMessage, []string{`{"extend":["` + strings.Repeat("x", 256) + `"]}`}, "malformed request"},
		{"too many tags", websocket.TextMessage, []string{`{"extend":[` + strings.Repeat(`"x",`, 100) + `"x"]}`}, "malformed request"},
		{"binary", websocket.BinaryMessage, []string{`{"extend":["x"]}`}, "binary frame"},
		{"too large", websocket.TextMessage, []string{strings.Repeat(" ", 16<<10+1)}, "frame too large"},
		{"too fast", websocket.TextMessage, strings.SplitAfter(strings.Repeat(`{"extend":["x"]} `, 30), " "), "too fast"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)
				p := a.dial(t, "42", "")
				p.hello(t)

				go func() {
					for _, frame := range tc.frames {
						if err := p.WriteMessage(tc.kind, []byte(frame)); err != nil {
							return
						}
					}
				}()

				if code, reason := p.closed(t); code != websocket.ClosePolicyViolation || reason != tc.reason {
					t.Errorf("closed with %d %q, want 1008 %q", code, reason, tc.reason)
				}
			})
		})
	}
}

func TestFragmentsAndUnmaskedFramesAreTheClientsFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)

		_, _ = p.NetConn().Write([]byte{0x81, 0x02, '{', '}'}) // not masked

		if code, reason := p.closed(t); code != websocket.ClosePolicyViolation {
			t.Errorf("closed with %d %q, want 1008", code, reason)
		}
	})
}

func TestSilentPageIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.SetPingHandler(func(string) error { return nil }) // never answer
		start := time.Now()

		p.drain()

		if got := time.Since(start); got != time.Minute {
			t.Errorf("dropped after %s, want 1m0s", got)
		}
	})
}

func TestPingIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)
		var got string
		p.SetPongHandler(func(payload string) error { got = payload; return nil })
		go func() {
			_ = p.WriteControl(websocket.PingMessage, []byte("are you there"), time.Now().Add(time.Second))
		}()

		p.control(t) // the next tick; the pong comes before it

		if got != "are you there" {
			t.Errorf("pong %q, want %q", got, "are you there")
		}
	})
}

// disconnect ends the connections of a user.
func (a *app) disconnect(t *testing.T, user string) {
	t.Helper()
	if err := a.Disconnect(user); err != nil {
		t.Errorf("disconnect %s: %v", user, err)
	}
}

func TestDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p, q, other := a.dial(t, "42", ""), a.dial(t, "42", ""), a.dial(t, "7", "")
		p.hello(t)
		q.hello(t)
		other.hello(t)

		a.disconnect(t, "42")

		for _, p := range []*page{p, q} {
			if code, _ := p.closed(t); code != 4003 {
				t.Errorf("closed with %d, want 4003", code)
			}
		}
		send(t, a, pull.Shared(), "update")
		other.event(t)
	})
}

// The application bans a user and then disconnects the user's pages. That includes
// a page that was let in just before and waits for a log that is behind it.
func TestDisconnectReachesAPageThatIsStillConnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		_, at := a.fresh(t, "9")
		r := a.dial(t, "1", "?cursor="+at+"00").read()
		synctest.Wait()

		a.disconnect(t, "1")
		pass(10 * time.Second)

		if _, _, err := r.wait(); !websocket.IsCloseError(err, 4003) {
			t.Errorf("got %v, want close 4003", err)
		}
	})
}

func TestWatchAnswersOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		grant(t, a, "42", "TASK_7")
		p := a.dial(t, "42", "")
		p.hello(t)

		if err := p.WriteMessage(websocket.TextMessage, []byte(`{"extend":["TASK_7","TASK_8"]}`)); err != nil {
			t.Fatal(err)
		}

		m := p.control(t)
		if m.Command != "watch" || m.Params["TASK_7"] != true || m.Params["TASK_8"] != false {
			t.Errorf("got %s %v, want watch with TASK_7 true and TASK_8 false", m.Command, m.Params)
		}
		response := a.do(t, http.MethodPost, "/pull/watch", `{"extend":["TASK_7","TASK_8"]}`, userHeader, "42")
		var answer map[string]bool
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || !answer["TASK_7"] || answer["TASK_8"] {
			t.Errorf("POST answers %v %v, want TASK_7 true and TASK_8 false", answer, err)
		}
		for body, status := range map[string]int{"{": 400, strings.Repeat(" ", 17<<10): 413} {
			if got := a.do(t, http.MethodPost, "/pull/watch", body, userHeader, "42").StatusCode; got != status {
				t.Errorf("POST of %.10q answers %d, want %d", body, got, status)
			}
		}
		if got := a.do(t, http.MethodPost, "/pull/watch", `{"extend":[]}`, userHeader, "42", "Origin", "http://evil.test").StatusCode; got != 403 {
			t.Errorf("POST of another site answers %d, want 403", got)
		}
	})
}

// closed reads until the connection ends and returns the close code and reason.
func (p *page) closed(t *testing.T) (int, string) {
	t.Helper()
	for {
		_, _, err := p.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return closed.Code, closed.Text
		}
		if err != nil {
			t.Fatalf("read: %v, want a close frame", err)
		}
	}
}

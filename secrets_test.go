package pull_test

import (
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// What is logged, even for debugging, has nothing with which someone could act for a user,
// and nothing of the content of events.
func TestNoSecretIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, out := newLoggingApp(t, slog.LevelDebug, func(c *pull.Config) {
			c.Broker, c.Secret, c.Guests = f, []byte("SECRET"+strings.Repeat("s", 32)), true
			c.QueueBytes, c.EventBytes = 64<<10, 8<<10
			c.User, c.Session = nil, func(c echo.Context) (pull.Session, error) {
				user := c.Request().Header.Get(userHeader)
				if user == "unknown" {
					return pull.Session{}, http.ErrNoCookie
				}
				return pull.Session{User: user, ID: "SECRET-session", Until: time.Now().Add(time.Hour)}, nil
			}
		})
		a.withGrants()
		secret := []string{userHeader, "42", "Cookie", "sid=SECRET-cookie", "Authorization", "Bearer SECRET-header", "X-CSRF-Token", "SECRET-csrf"}
		params := map[string]any{"SECRET": "SECRET", "pad": strings.Repeat("x", 4<<10)}
		text, cursor := a.granted(t, "42", "SECRET-tag")
		query := "?client=SECRET-client&token=SECRET-token&watch=" + text

		// Each kind of connection, with everything that a request can have.
		p, _, err := a.tryDial(t, query, secret...)
		if err != nil {
			t.Fatal(err)
		}
		p.hello(t)
		p.asks(t, "watch", text)
		for _, frame := range []string{`{"extend":["SECRET-tag"]}`, `{"send":{"n":1,"users":["7"],"event":"tasks:x","params":{"SECRET":1},"expiry":5}}`, `{"SECRET`} {
			_ = p.WriteMessage(websocket.TextMessage, []byte(frame))
		}
		p.read()
		s := a.stream(t, "42", query, secret...)
		h := a.html(t, "42", "?client=SECRET-html&token=SECRET-token&grant="+text, secret...)
		again, _, err := a.tryDial(t, query+"&cursor="+cursor, secret...)
		if err != nil {
			t.Fatal(err)
		}
		again.hello(t)
		slow, _, err := a.tryDial(t, "?client=SECRET-slow", secret...)
		if err != nil {
			t.Fatal(err)
		}
		slow.hello(t)
		for i := range 40 {
			sendEvent(t, a, pull.User("42").Or(pull.Tag("SECRET-tag")), event("SECRET."+strconv.Itoa(i), params))
		}
		pass(time.Minute)

		// Each kind of refusal.
		for _, path := range []string{"?ticket=SECRET-ticket", "?client=SECRET/", "?cursor=SECRET.1", "/html?grant=SECRET", "?origin=http://evil.test&token=SECRET"} {
			a.get(t, "/pull"+path, secret...)
		}
		a.get(t, "/pull?token=SECRET", append(secret, "Origin", "http://evil.test")...)
		a.get(t, "/pull?token=SECRET", append(secret[2:], userHeader, "unknown")...)
		for _, path := range []string{"watch", "send", "ticket", "session", "push"} {
			a.do(t, http.MethodPost, "/pull/"+path+"?token=SECRET", `{"SECRET":"SECRET"}`, append(secret, pull.HeaderClient, "SECRET-client")...)
		}

		// Outages, a broken log, and ends.
		f.set(func(f *faults) { f.err, f.away = errBroker, errBroker })
		f.interrupt()
		pass(time.Minute)
		f.set(func(f *faults) { f.err, f.away = nil, nil })
		pass(30 * time.Second)
		last, _, err := a.tryDial(t, query+"&cursor=SECRET.1", secret...)
		if err != nil {
			t.Fatal(err)
		}
		last.read()
		synctest.Wait()
		f.newEpoch()
		pass(time.Minute)
		if err := a.DisconnectSession("SECRET-session"); err != nil {
			t.Error(err)
		}
		s.close()
		h.close()
		a.stop(t)

		for _, part := range []string{"SECRET", text, strings.Split(text, ".")[0]} {
			for line := range strings.Lines(out.String()) {
				if strings.Contains(line, part) {
					t.Errorf("%q is in %s", part, line)
				}
			}
		}
		for _, line := range []string{"pull: session recovered", "pull: session left", "reason=slow_queue", "reason=violation", "cause=epoch", "cause=broken_log", "new epoch", "is back", "unknown user", "origin not allowed"} {
			if out.count(line) == 0 {
				t.Errorf("nothing has led to %q:\n%s", line, out)
			}
		}
	})
}

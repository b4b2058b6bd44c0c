package pull_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

// A client need not close its side, and for a while it is still read: so that it gets the
// reason.
func TestFramesAfterTheEndDoNothing(t *testing.T) {
	for name, compressed := range map[string]bool{"plain": false, "compressed": true} {
		for how, end := range map[string]func(*app) error{
			"session": func(a *app) error { return a.DisconnectSession("s1") },
			"user":    func(a *app) error { return a.Disconnect("42") },
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var l accounts
					l.set("key", "42", "s1", time.Hour)
					l.set("other", "7", "s7", 0)
					a := newApp(t, func(c *pull.Config) { c.User, c.Session, c.Compress = nil, l.session, compressed })
					defer a.stop(t)
					a.relays(t, func(context.Context, pull.Message) error { return nil })
					other := a.dial(t, "other", "")
					other.hello(t)
					p, _ := a.deflating(t, "key", "") // it is compressed if the application compresses
					p.hello(t)

					if err := end(a); err != nil {
						t.Fatal(err)
					}
					_ = p.WriteJSON(map[string]any{"send": saying("typing", toUsers("7")...)})
					synctest.Wait()

					other.hearsOnly(t, a)
					if _, _, err := p.read().wait(); !websocket.IsCloseError(err, 4401, 4003) {
						t.Errorf("got %v, want it closed", err)
					}
				})
			})
		}
	}
}

// The login of the request was checked before the session ended, and the body comes after it.
func TestMessageWhoseBodyComesAfterTheEndIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l accounts
		l.set("key", "42", "s1", time.Hour)
		l.set("other", "7", "s7", 0)
		a := l.app(t, nil)
		defer a.stop(t)
		a.relays(t, func(context.Context, pull.Message) error { return nil })
		other := a.dial(t, "other", "")
		other.hello(t)
		body, rest := io.Pipe()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://app.test/pull/send", body)
		r.Header.Set(userHeader, "key")
		r.Header.Set("Content-Type", "application/json")
		status := make(chan int, 1)
		go func() {
			response, err := a.client.Do(r)
			if err != nil {
				status <- 0
				return
			}
			_ = response.Body.Close()
			status <- response.StatusCode
		}()
		synctest.Wait()

		if err := a.DisconnectSession("s1"); err != nil {
			t.Fatal(err)
		}
		_ = json.NewEncoder(rest).Encode(saying("typing", toUsers("7")...))
		_ = rest.Close()

		if got := <-status; got != http.StatusUnauthorized {
			t.Errorf("got %d, want 401", got)
		}
		other.hearsOnly(t, a)
	})
}

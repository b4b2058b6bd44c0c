package pull_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// A switchboard is a Pusher whose devices are browsers. It records their
// subscriptions.
type switchboard struct {
	*postman
	err   error
	calls []string
}

func (*switchboard) Key() string { return "BKey" }

func (s *switchboard) Subscribe(_ context.Context, user string, subscription []byte) error {
	s.calls = append(s.calls, fmt.Sprintf("+%s %s", user, subscription))
	return s.err
}

func (s *switchboard) Unsubscribe(_ context.Context, user string, subscription []byte) error {
	s.calls = append(s.calls, fmt.Sprintf("-%s %s", user, subscription))
	return s.err
}

func newSwitchboardApp(t *testing.T, configure func(*pull.Config)) (*app, *switchboard) {
	t.Helper()
	s := &switchboard{postman: newPostman()}
	return newApp(t, func(c *pull.Config) {
		c.Pusher = s
		if configure != nil {
			configure(c)
		}
	}), s
}

func TestBrowsersSubscribeBehindTheLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, browsers := newSwitchboardApp(t, nil)
		defer a.stop(t)

		key := a.get(t, "/pull/push", userHeader, "42")
		guest := a.get(t, "/pull/push/")
		for _, r := range []*http.Response{
			a.do(t, http.MethodPost, "/pull/push", `{"endpoint":"a"}`, userHeader, "42"),
			a.do(t, http.MethodDelete, "/pull/push/", `{"endpoint":"b"}`, userHeader, "43"),
		} {
			if r.StatusCode != http.StatusNoContent || text(r) != "" {
				t.Errorf("got status %d, want 204", r.StatusCode)
			}
		}
		refused := a.do(t, http.MethodPost, "/pull/push", `{"endpoint":"c"}`)

		if got := strings.TrimSpace(text(key)); got != `{"key":"BKey","user":"42"}` || key.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %s with the header %v, want the key and the user, not stored", got, key.Header)
		}
		if got := strings.TrimSpace(text(guest)); got != `{"key":"BKey","user":""}` {
			t.Errorf("a guest got %s, want the key", got)
		}
		if want := []string{`+42 {"endpoint":"a"}`, `-43 {"endpoint":"b"}`}; !slices.Equal(browsers.calls, want) {
			t.Errorf("got calls %q, want %q", browsers.calls, want)
		}
		if refused.StatusCode != http.StatusUnauthorized {
			t.Errorf("a guest's subscription got status %d, want 401", refused.StatusCode)
		}
	})
}

func TestSubscriptionsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reports []error
		a, browsers := newSwitchboardApp(t, func(c *pull.Config) { c.OnError = func(err error) { reports = append(reports, err) } })
		defer a.stop(t)
		mail, _ := newPushApp(t, nil)
		defer mail.stop(t)

		for name, c := range map[string]struct {
			app    *app
			err    error
			body   string
			header []string
			status int
			reason string
		}{
			"host not allowed": {a, &pull.SubscriptionError{Reason: "host x.test"}, "{}", nil, http.StatusBadRequest, "host x.test"},
			"store is away":    {a, errors.New("secret of the database"), "{}", nil, http.StatusServiceUnavailable, "try again"},
			"other site":       {a, nil, "{}", []string{"Origin", "https://evil.test"}, http.StatusForbidden, "origin"},
			"too large":        {a, nil, strings.Repeat("x", 17<<10), nil, http.StatusRequestEntityTooLarge, "16 KiB"},
			"no browsers":      {mail, nil, "{}", nil, http.StatusNotFound, "no notifications for browsers"},
		} {
			browsers.err = c.err
			for _, method := range []string{http.MethodPost, http.MethodDelete} {
				r := c.app.do(t, method, "/pull/push", c.body, append([]string{userHeader, "42"}, c.header...)...)
				if got := text(r); r.StatusCode != c.status || !strings.Contains(got, c.reason) || strings.Contains(got, "secret") {
					t.Errorf("%s, %s: got %d %s, want %d with %q", name, method, r.StatusCode, got, c.status, c.reason)
				}
			}
		}
		if len(reports) != 1 {
			t.Errorf("got reports %v, want one, of the store", reports)
		}
	})
}

// A client that subscribes in a loop is stopped.
func TestSubscriptionsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newSwitchboardApp(t, nil)
		defer a.stop(t)

		for range 200 {
			if a.do(t, http.MethodPost, "/pull/push", "{}", userHeader, "42").StatusCode == http.StatusTooManyRequests {
				return
			}
		}
		t.Error("200 subscriptions at once were accepted")
	})
}

// What a user reports to have read is a message of the log, so it is bounded for all
// pages of the user together.
func TestReadsOfAUserAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := newPushApp(t, nil)
		defer a.stop(t)
		var pages []*page
		for range 20 {
			p := a.dial(t, "42", "")
			live(p)
			pages = append(pages, p)
		}
		before := a.Stats().Messages

		for range 60 {
			for _, p := range pages {
				p.report(t, `{"read":"im-7"}`)
			}
			pass(time.Second)
		}

		if got := a.Stats().Messages - before; got < 100 || got > 200 {
			t.Errorf("1,200 reports in a minute are %d messages, want two for each second, and 50 at once", got)
		}
	})
}

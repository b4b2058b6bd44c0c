package pull_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

// talking returns an application whose pages may send messages of the module im.
func talking(t *testing.T, configure func(*pull.Config)) *app {
	t.Helper()
	a := newApp(t, configure)
	a.withGrants()
	a.relays(t, func(context.Context, pull.Message) error { return nil })
	return a
}

// relays makes a function decide on messages of the module im.
func (a *app) relays(t *testing.T, relay func(context.Context, pull.Message) error) {
	t.Helper()
	if err := a.Register(pull.Module{ID: "im", Relay: relay}); err != nil {
		t.Fatal(err)
	}
}

// saying returns a message of the module im.
func saying(command string, to ...any) map[string]any {
	m := map[string]any{"n": 5, "module": "im", "command": command}
	for i := 0; i < len(to); i += 2 {
		m[to[i].(string)] = to[i+1] //nolint:forcetypeassert // the caller's
	}
	return m
}

func toUsers(users ...string) []any { return []any{"users", users} }

// says sends a message, and returns its state.
func (p *page) says(t *testing.T, message map[string]any) string {
	t.Helper()
	if err := p.WriteJSON(map[string]any{"send": message}); err != nil {
		t.Fatal(err)
	}
	return p.sent(t)
}

// sent returns the state in the next answer to a message. It leaves what came before.
func (p *page) sent(t *testing.T) string {
	t.Helper()
	var before []message
	for {
		m := p.next(t)
		if m.Command == "sent" {
			p.waiting = append(before, p.waiting...)
			if m.Module != "pull" || m.Params["n"] != 5.0 {
				t.Errorf("got %+v, want the answer to message 5", m)
			}
			state, _ := m.Params["state"].(string)
			return state
		}
		before = append(before, m)
	}
}

// hears returns the next message of a page, or event.
func (p *page) hears(t *testing.T) message {
	t.Helper()
	for {
		if m := p.next(t); m.Module != "pull" && m.Module != "online" {
			return m
		}
	}
}

// hearsOnly fails unless these are the next messages of pages; the last event ends them.
func (p *page) hearsOnly(t *testing.T, a *app, want ...string) {
	t.Helper()
	send(t, a, pull.Shared(), "last")
	var got []string
	for {
		m := p.hears(t)
		if m.Command == "last" {
			break
		}
		got = append(got, m.Command)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func connected(t *testing.T, a *app, user, query string) *page {
	t.Helper()
	p := a.dial(t, user, query)
	p.hello(t)
	return p
}

// sentBy is the extra.sender of a message.
func sentBy(user string) map[string]any { return map[string]any{"type": 1.0, "id": user} }

func TestMessageReachesThePagesOfItsUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := talking(t, nil)
		defer a.stop(t)
		sender, own := connected(t, a, `4"2`, "?client=one"), connected(t, a, `4"2`, "?client=two")
		second, first, other := connected(t, a, "7", ""), connected(t, a, "8", "?protocol=1"), connected(t, a, "9", "")
		s := a.stream(t, "7", "")
		defer s.close()
		s.hello(t)

		state := sender.says(t, saying("typing", "users", []string{"7", "8", `4"2`, "7"}, "params", map[string]any{"chat": 3}))

		if state != "ok" {
			t.Errorf("got %q, want ok", state)
		}
		_, messages := s.next(t)
		for messages[0].Module == "online" {
			_, messages = s.next(t)
		}
		for _, m := range []message{second.hears(t), first.hears(t), own.hears(t), messages[0]} {
			if m.ID != 0 || m.Module != "im" || m.Command != "typing" || !reflect.DeepEqual(m.Params, map[string]any{"chat": 3.0}) {
				t.Errorf("got %+v, want im/typing without an offset", m)
			}
			if !reflect.DeepEqual(m.Extra["sender"], sentBy(`4"2`)) || m.Extra["server_time_unix"] == nil || m.Extra["server_time"] == nil {
				t.Errorf("got extra %v, want the sender and the time", m.Extra)
			}
		}
		for _, p := range []*page{sender, second, first, own, other} {
			p.hearsOnly(t, a)
		}
	})
}

func TestMessageNeedsThePermissionOfItsModule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported []error
		a := talking(t, func(c *pull.Config) {
			c.Guests, c.OnError = true, func(err error) { reported = append(reported, err) }
		})
		defer a.stop(t)
		var asked []pull.Message
		a.relays(t, func(ctx context.Context, m pull.Message) error {
			asked = append(asked, m)
			if until, bounded := ctx.Deadline(); !bounded || time.Until(until) != 5*time.Second {
				t.Errorf("got a deadline in %s, want 5s", time.Until(until))
			}
			switch m.Command {
			case "refuse":
				return errors.New("not a friend")
			case "panic":
				panic("oh no")
			case "spoil":
				m.Users[0], m.Params[2] = "9", 'X'
			}
			return nil
		})
		sender, guest, receiver := connected(t, a, "42", ""), connected(t, a, "", ""), connected(t, a, "7", "")

		for _, c := range []struct {
			what string
			page *page
			send map[string]any
			want string
		}{
			{"permitted", sender, saying("yes", "users", []string{"7"}, "params", map[string]any{"a": 1}), "ok"},
			{"an argument that is changed", sender, saying("spoil", "users", []string{"7"}, "params", map[string]any{"b": 1}), "ok"},
			{"an error", sender, saying("refuse", toUsers("7")...), "forbidden"},
			{"a panic", sender, saying("panic", toUsers("7")...), "forbidden"},
			{"a guest", guest, saying("yes", toUsers("7")...), "forbidden"},
			{"a module without Relay", sender, saying("yes", "users", []string{"7"}, "module", "tasks"), "forbidden"},
			{"an unknown module", sender, saying("yes", "users", []string{"7"}, "module", "nothing"), "forbidden"},
			{"the plugin's own", sender, saying("hello", "users", []string{"7"}, "module", "pull"), "forbidden"},
			{"a tag of others", sender, saying("yes", "tag", "TASK_7"), "forbidden"},
		} {
			if got := c.page.says(t, c.send); got != c.want {
				t.Errorf("%s: got %q, want %q", c.what, got, c.want)
			}
		}
		if first, want := asked[0], (pull.Message{From: "42", Users: []string{"7"}, Module: "im", Command: "yes", Params: json.RawMessage(`{"a":1}`)}); len(asked) != 4 || !reflect.DeepEqual(first, want) {
			t.Errorf("Relay was called %d times, first with %+v, want 4 times, first with %+v", len(asked), first, want)
		}
		if m := receiver.hears(t); m.Command != "yes" {
			t.Errorf("got %+v, want yes", m)
		}
		if m := receiver.hears(t); m.Command != "spoil" || m.Params["b"] != 1.0 {
			t.Errorf("got %+v, want what was sent", m)
		}
		receiver.hearsOnly(t, a)
		if len(reported) != 1 || !strings.Contains(reported[0].Error(), "oh no") {
			t.Errorf("reported %v, want the panic", reported)
		}
	})
}

func TestMessageToATagNeedsAWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := talking(t, func(c *pull.Config) { c.Guests = true })
		defer a.stop(t)
		text, cursor := a.granted(t, "42", "TASK_7")
		sender, other := connected(t, a, "42", presenting(cursor, text)+"&client=one"), connected(t, a, "42", "?client=two")
		guests, at := a.granted(t, "", "TASK_7")
		guest := connected(t, a, "", presenting(at, guests))
		grant(t, a, "7", "TASK_7")
		watcher := connected(t, a, "7", "?client=three")

		for _, c := range []struct {
			what string
			page *page
			want string
		}{
			{"the page has a grant", sender, "ok"},
			{"another page of the user", other, "forbidden"},
			{"the user watches", watcher, "ok"},
			{"a guest with a grant", guest, "forbidden"},
		} {
			if got := c.page.says(t, saying("edit", "tag", "TASK_7")); got != c.want {
				t.Errorf("%s: got %q, want %q", c.what, got, c.want)
			}
		}
		sender.asks(t, "unwatch", text)
		if got := sender.says(t, saying("edit", "tag", "TASK_7")); got != "forbidden" {
			t.Errorf("after the end of the watch: got %q, want forbidden", got)
		}
		guest.hearsOnly(t, a, "edit", "edit")
		watcher.hearsOnly(t, a, "edit")
		other.hearsOnly(t, a)
	})
}

func TestTooManyMessagesAreAnsweredAndTheConnectionStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := talking(t, nil)
		defer a.stop(t)
		pages := []*page{connected(t, a, "42", "?client=one"), connected(t, a, "42", "?client=two")}
		receiver := connected(t, a, "7", "").read()
		burst := func(n int) (counts map[string]int) {
			counts = make(map[string]int)
			for i := range n {
				counts[pages[i%2].says(t, saying("x", toUsers("7")...))]++
			}
			return counts
		}

		if got, want := burst(50), map[string]int{"ok": 20, "limit": 30}; !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		pass(time.Second)
		if got, want := burst(20), map[string]int{"ok": 10, "limit": 10}; !reflect.DeepEqual(got, want) {
			t.Errorf("a second later: got %v, want %v", got, want)
		}
		if other := connected(t, a, "9", ""); other.says(t, saying("x", toUsers("7")...)) != "ok" {
			t.Error("another user pays for it")
		}
		if _, _, err := receiver.wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestFloodOfMessagesIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := talking(t, nil)
		defer a.stop(t)
		p := connected(t, a, "42", "")
		go func() {
			for range 1000 {
				if p.WriteJSON(map[string]any{"send": saying("x", toUsers("7")...)}) != nil {
					return
				}
			}
		}()

		if code, reason := p.closed(t); code != websocket.ClosePolicyViolation || reason != "too fast" {
			t.Errorf("closed with %d %q, want 1008 too fast", code, reason)
		}
		body, err := json.Marshal(saying("x", toUsers("7")...))
		if err != nil {
			t.Fatal(err)
		}
		if got := a.do(t, http.MethodPost, "/pull/send", string(body), userHeader, "42"); got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" {
			t.Errorf("got %d %v, want 429", got.StatusCode, got.Header)
		}
	})
}

func TestLargeMessageIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := talking(t, nil)
		defer a.stop(t)
		p, receiver := connected(t, a, "42", ""), connected(t, a, "7", "")
		fits := 4<<10 - len(`"im:fits",{"pad":""}]`)

		if got := p.says(t, saying("fits", "users", []string{"7"}, "params", pad(fits))); got != "ok" {
			t.Errorf("4 KiB: got %q, want ok", got)
		}
		if got := p.says(t, saying("more", "users", []string{"7"}, "params", pad(fits+1))); got != "large" {
			t.Errorf("a byte more: got %q, want large", got)
		}
		receiver.hearsOnly(t, a, "fits")
	})
}

func TestMalformedMessageIsRefused(t *testing.T) {
	many := make([]string, 101)
	for i := range many {
		many[i] = strconv.Itoa(i)
	}
	for name, frame := range map[string]map[string]any{
		"no number":      saying("x", "users", []string{"7"}, "n", nil),
		"number zero":    saying("x", "users", []string{"7"}, "n", 0),
		"a half number":  saying("x", "users", []string{"7"}, "n", 1.5),
		"a large number": saying("x", "users", []string{"7"}, "n", 1<<53),
		"nobody":         saying("x"),
		"users and tag":  saying("x", "users", []string{"7"}, "tag", "T"),
		"an odd user":    saying("x", "users", []string{"\n"}),
		"everyone":       saying("x", "users", []string{""}),
		"an odd tag":     saying("x", "tag", "\n"),
		"101 users":      saying("x", "users", many),
		"no command":     saying("", toUsers("7")...),
		"an odd module":  saying("x", "users", []string{"7"}, "module", "a:b"),
		"expiry 0":       saying("x", "users", []string{"7"}, "expiry", 0),
		"expiry 61":      saying("x", "users", []string{"7"}, "expiry", 61),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := talking(t, nil)
				defer a.stop(t)
				p := connected(t, a, "42", "")
				if err := p.WriteJSON(map[string]any{"send": frame}); err != nil {
					t.Fatal(err)
				}

				if code, _ := p.closed(t); code != websocket.ClosePolicyViolation {
					t.Errorf("closed with %d, want 1008", code)
				}
				body, err := json.Marshal(frame)
				if err != nil {
					t.Fatal(err)
				}
				if got := a.do(t, http.MethodPost, "/pull/send", string(body), userHeader, "42"); got.StatusCode != http.StatusBadRequest {
					t.Errorf("POST: got %d, want 400", got.StatusCode)
				}
			})
		})
	}
}

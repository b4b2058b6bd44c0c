package pull_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestMalformedEventsAreErrorsAtTheCall(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	ok := pull.User("42")
	for _, tc := range []struct {
		name string
		to   pull.Target
		e    pull.Event
		want error // nil: any
	}{
		{"unknown module", ok, pull.Event{Module: "mail", Command: "x"}, pull.ErrUnknownModule},
		{"module pull", ok, pull.Event{Module: "pull", Command: "hello"}, pull.ErrUnknownModule},
		{"module online", ok, pull.Event{Module: "online", Command: "user_online"}, pull.ErrUnknownModule},
		{"no module", ok, pull.Event{Command: "x"}, nil},
		{"no command", ok, pull.Event{Module: "tasks"}, nil},
		{"bad module", ok, pull.Event{Module: "ta/sks", Command: "x"}, nil},
		{"command with a control character", ok, pull.Event{Module: "tasks", Command: "x\u009f"}, nil},
		{"command with a line break", ok, pull.Event{Module: "tasks", Command: "x\u2028y"}, nil},
		{"command that is not UTF-8", ok, pull.Event{Module: "tasks", Command: "x\xff"}, nil},
		{"module that is text", ok, pull.Event{Module: "Tee", Command: "x"}, pull.ErrUnknownModule},
		{"module with a colon", ok, pull.Event{Module: "tasks:x", Command: "x"}, nil},
		{"long command", ok, pull.Event{Module: "tasks", Command: strings.Repeat("x", 101)}, nil},
		{"negative TTL", ok, pull.Event{Module: "tasks", Command: "x", TTL: -1}, nil},
		{"empty user", pull.User(""), event("x", nil), nil},
		{"long user", pull.User(strings.Repeat("x", 256)), event("x", nil), nil},
		{"empty tag", pull.Tag("A", ""), event("x", nil), nil},
		{"long tag in a union", ok.Or(pull.Tag(strings.Repeat("x", 256)).Except("7")), event("x", nil), nil},
		{"empty exception", ok.Except(""), event("x", nil), nil},
		{"what a user gets is no object", ok, own(nil, map[string]any{"7": []int{1}}), nil},
		{"what a user gets is nil", ok, own(nil, map[string]any{"7": nil}), nil},
		{"what a user gets cannot be encoded", ok, own(nil, map[string]any{"7": func() {}}), nil},
		{"what a user gets has a key twice", ok, own(nil, map[string]any{"7": json.RawMessage(`{"a":1,"\u0061":2}`)}), nil},
		{"what a user gets is not UTF-8", ok, own(nil, map[string]any{"7": json.RawMessage("{\"a\":\"\xff\"}")}), nil},
		{"params of which a user gets more are no object", ok, own([]int{1}, map[string]any{"7": struct{}{}}), nil},
		{"params of which a user gets more have a key twice", ok, own(json.RawMessage(`{"a":1,"a":2}`), map[string]any{"7": struct{}{}}), nil},
		{"empty user gets more", ok, own(nil, map[string]any{"": struct{}{}}), nil},
		{"user with a control character gets more", ok, own(nil, map[string]any{"\n": struct{}{}}), nil},
		{"what a user gets is too large", ok, own(nil, map[string]any{"7": map[string]any{"a": strings.Repeat("x", 64<<10)}}), pull.ErrTooLarge},
		{"extra has a sender", ok, extra(map[string]any{"sender": 1}), nil},
		{"extra has a time", ok, extra(map[string]any{"a": 1, "server_time": 1}), nil},
		{"extra has another time", ok, extra(map[string]any{"server_time_unix": 1}), nil},
		{"extra has an age", ok, extra(map[string]any{"server_time_ago": 1}), nil},
		{"extra has a tab", ok, extra(map[string]any{"tab": 1}), nil},
		{"extra cannot be encoded", ok, extra(map[string]any{"a": func() {}}), nil},
		{"extra is not UTF-8", ok, extra(map[string]any{"a": json.RawMessage("\"\xff\"")}), nil},
		{"extra is too large", ok, extra(map[string]any{"a": strings.Repeat("x", 64<<10)}), pull.ErrTooLarge},
		{"too large", ok, event("x", strings.Repeat("x", 64<<10)), pull.ErrTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := a.Send(t.Context(), tc.to, tc.e)

			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v, want an error (%v)", err, tc.want)
			}
		})
	}
	if s := a.Stats(); s.Messages != 0 || s.PublisherEvents != 0 {
		t.Errorf("got %+v, want nothing sent and nothing reserved", s)
	}
}

func TestErrorsCarryWhatTheCallerNeeds(t *testing.T) {
	a := newApp(t, func(c *pull.Config) { c.EventBytes = 1000 })
	defer a.stop(t)

	var size *pull.SizeError
	if err := a.Send(t.Context(), pull.Shared(), event("x", strings.Repeat("x", 1000))); !errors.As(err, &size) || size.Limit != 1000 || size.Size < 1000 {
		t.Errorf("got %v, want a SizeError with limit 1000", err)
	}
	for _, params := range []any{math.NaN(), func() {}, map[string]any{"c": make(chan int)}} {
		var broken *pull.ParamsError
		if err := a.Send(t.Context(), pull.Shared(), event("x", params)); !errors.As(err, &broken) || broken.Command != "x" {
			t.Errorf("%T: got %v, want a ParamsError of command x", params, err)
		}
	}
}

func TestSendWithAnEndedContextSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		a.echo.GET("/", pull.Handler(func(c pull.Context) error {
			if err := c.Pull().Send(pull.User("42"), event("collected", nil)); err != nil {
				return err
			}
			if err := c.Pull().Flush(ended); !errors.Is(err, context.Canceled) {
				t.Errorf("Flush: got %v, want %v", err, context.Canceled)
			}
			synctest.Wait()
			if got := a.Stats().Messages; got != 0 {
				t.Errorf("%d messages after Flush, want none", got)
			}
			return nil
		}))
		r, _ := a.fresh(t, "42")

		err := a.Send(ended, pull.User("42"), event("never", nil))

		if !errors.Is(err, context.Canceled) {
			t.Errorf("Send: got %v, want %v", err, context.Canceled)
		}
		r.sees(t)
		a.get(t, "/")
		r.sees(t, "collected")
		if s := a.Stats(); s.PublisherEvents != 0 || s.PublisherBytes != 0 {
			t.Errorf("%d events and %d bytes are still reserved, want none", s.PublisherEvents, s.PublisherBytes)
		}
	})
}

// marshaler is JSON from the application's own encoder.
type marshaler string

func (m marshaler) MarshalJSON() ([]byte, error) { return []byte(m), nil }

func TestForeignJSONThatNoBrowserTakesIsAnErrorOfSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		r, _ := a.fresh(t, "42")
		for name, text := range map[string]string{
			"Latin-1":        "{\"name\":\"caf\xe9\"}",
			"as a key":       "{\"caf\xe9\":1}",
			"cut rune":       "\"\xe2\x82\"",
			"surrogate":      "\"\xed\xa0\x80\"",
			"beyond Unicode": "\"\xf4\x90\x80\x80\"",
			"overlong":       "\"\xc0\xaf\"",
			"far in":         `["` + strings.Repeat("ж", 1000) + "\xff\"]",
			"not JSON":       "{name:1}",
			"two values":     "1 2",
			"control":        "\"a\nb\"",
			"nothing":        "",
		} {
			for kind, params := range map[string]any{
				"RawMessage": json.RawMessage(text),
				"Marshaler":  marshaler(text),
				"within":     map[string]any{"a": []any{1, marshaler(text)}},
				"pointer":    &struct{ A json.Marshaler }{marshaler(text)},
			} {
				err := a.Send(t.Context(), pull.User("42"), event("x", params))

				var broken *pull.ParamsError
				if !errors.As(err, &broken) || broken.Err == nil {
					t.Errorf("%s, %s: got %v, want a ParamsError with a cause", name, kind, err)
				}
			}
		}
		for _, text := range []string{`"\u2028\u2029"`, "\"\u2028 \ufffd \U0001f389\"", `"\ud800"`, `{"__proto__":1}`} {
			if err := a.Send(t.Context(), pull.User("42"), event("good", json.RawMessage(`{"a":`+text+`}`))); err != nil {
				t.Errorf("%s: got %v, want nil", text, err)
			}
		}
		r.sees(t, "good", "good", "good", "good")
	})
}

func TestIDsThatNoPageCanNameAreErrorsAtTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported reports
		a := newApp(t, func(c *pull.Config) {
			c.User = func(c echo.Context) (string, error) { return c.QueryParam("user"), nil }
			c.OnError = reported.add
		})
		defer a.stop(t)
		a.echo.GET("/watch", pull.Handler(func(c pull.Context) error { return c.Pull().Watch(c.QueryParam("tag")) }))
		for _, id := range []string{"caf\xe9", "\xff", "a\x00b", "a\nb", "\r", "\x7f", "\u0085", "\xed\xa0\x80", strings.Repeat("ж", 128)} {
			for name, to := range map[string]pull.Target{
				"User":         pull.User("1", id),
				"Tag":          pull.Tag(id),
				"Except":       pull.Shared().Except(id),
				"in a union":   pull.User("1").Except("2").Or(pull.Tag(id)),
				"from a union": pull.User("1").Except("2").Or(pull.Tag("T")).Except(id),
			} {
				if err := a.Send(t.Context(), to, event("x", nil)); err == nil {
					t.Errorf("%s of %q: got nil, want an error", name, id)
				}
			}
			for name, err := range map[string]error{
				"Add for":    a.Watch().Add(id, "T"),
				"Add":        a.Watch().Add("1", "T", id),
				"Delete for": a.Watch().Delete(id),
				"Delete":     a.Watch().Delete("1", id),
			} {
				if err == nil {
					t.Errorf("%s %q: got nil, want an error", name, id)
				}
			}
			if got := a.Watch().Extend(id, id); got[id] {
				t.Errorf("Extend %q: got true, want false", id)
			}
			a.disconnect(t, id)
			if got := a.get(t, "/watch?user=1&tag="+url.QueryEscape(id)).StatusCode; got != http.StatusInternalServerError {
				t.Errorf("Outbox.Watch(%q): got status %d, want the error", id, got)
			}
			if _, response, _ := a.tryDial(t, "?user="+url.QueryEscape(id)); response == nil || response.StatusCode != http.StatusUnauthorized {
				t.Errorf("user %q: got %v, want 401", id, response)
			}
			if !reported.contain(strconv.Quote(id)) && len(id) < 256 {
				t.Errorf("user %q was not reported", id)
			}
		}
		if got := a.Stats().Messages; got != 0 {
			t.Errorf("%d messages, want none", got)
		}
		for _, id := range []string{"Привет, мир", "a b/c?d=e&f#g\"'<>\\", "🎉", "\u2028", "__proto__", "a.b.7", strings.Repeat("ж", 127)} {
			if err := a.Watch().Add(id, id); err != nil {
				t.Errorf("%q: got %v, want nil", id, err)
			}
			if err := a.Send(t.Context(), pull.User(id).Or(pull.Tag(id)), event("x", nil)); err != nil {
				t.Errorf("%q: got %v, want nil", id, err)
			}
		}
	})
}

// An event larger than the publisher's queue could never be published.
func TestEventsHaveABoundEvenWithoutOne(t *testing.T) {
	a := newApp(t, func(c *pull.Config) { c.EventBytes = math.MaxInt })
	defer a.stop(t)

	err := a.Send(t.Context(), pull.User("1"), event("x", strings.Repeat("x", 64<<20)))

	var size *pull.SizeError
	if !errors.As(err, &size) || size.Limit != 64<<20 {
		t.Errorf("got %v, want a SizeError with a limit of 64 MiB", err)
	}
}

// The queue is empty, so neither a retry nor Flush would help.
func TestEventThatCouldNeverLeaveIsTooLarge(t *testing.T) {
	a := newApp(t, func(c *pull.Config) { c.EventBytes = math.MaxInt })
	defer a.stop(t)
	ids := slices.Repeat([]string{strings.Repeat("7", 250)}, (17<<20)/250)
	large := event("x", strings.Repeat("x", 17<<20))
	a.echo.GET("/large", pull.Handler(func(c pull.Context) error {
		params, target := c.Pull().Send(pull.User("1"), large), c.Pull().Send(pull.User(ids...), event("x", nil))
		return c.String(http.StatusOK, strconv.FormatBool(errors.Is(params, pull.ErrTooLarge) && errors.Is(target, pull.ErrTooLarge)))
	}))

	inRequest := text(a.get(t, "/large"))
	outside := a.Send(t.Context(), pull.User(slices.Repeat(ids, 4)...), event("x", nil))

	if inRequest != "true" {
		t.Errorf("too large for a request: got %s, want true for both", inRequest)
	}
	if !errors.Is(outside, pull.ErrTooLarge) {
		t.Errorf("got %v, want %v", outside, pull.ErrTooLarge)
	}
	if err := a.Send(t.Context(), pull.User("1"), large); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestSendToNobodyIsNoError(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)

	for _, to := range []pull.Target{{}, pull.User(), pull.Tag(), pull.User().Or(pull.Tag()).Except("7")} {
		if err := a.Send(t.Context(), to, event("x", nil)); err != nil {
			t.Errorf("got %v, want nil", err)
		}
	}
	if got := a.Stats().Messages; got != 0 {
		t.Errorf("%d messages, want none", got)
	}
}

func TestParamsAreEncodedOnceAndKeepTheirTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)
		var none *struct{}
		for _, tc := range []struct {
			params any
			want   string
		}{
			{nil, `{}`},
			{none, `{}`},
			{map[string]any(nil), `{}`},
			{json.RawMessage("null"), `{}`},
			{map[string]any{"n": int64(9007199254740993), "f": 1.5, "s": "1"}, `{"f":1.5,"n":9007199254740993,"s":"1"}`},
			{map[string]any{"at": time.Date(2026, 11, 24, 12, 30, 0, 0, time.FixedZone("", 3600))}, `{"at":"2026-11-24T12:30:00+01:00"}`},
			{json.RawMessage("{\n\"a\": [1,\n2]}"), `{"a":[1,2]}`},
			{json.RawMessage("{ \"a\":\"</script>\u2028\"}"), "{ \"a\":\"</script>\u2028\"}"},
			{[]string{"</script>\u2028"}, `["</script>\u2028"]`},
		} {
			if err := a.Send(t.Context(), pull.User("42"), event("x", tc.params)); err != nil {
				t.Fatal(err)
			}

			if got := p.rawEvent(t); got != tc.want {
				t.Errorf("%v became %s, want %s", tc.params, got, tc.want)
			}
		}
	})
}

// rawEvent returns the params of the next event as they were received.
func (p *page) rawEvent(t *testing.T) string {
	t.Helper()
	for {
		_, frame, err := p.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if _, params, isEvent := strings.Cut(string(frame), `"tasks:x",`); isEvent {
			return strings.TrimSuffix(params, "]]")
		}
	}
}

func TestWhatTheHandlerChangesAfterwardsIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.GET("/", pull.Handler(func(c pull.Context) error {
			params, ids := map[string]any{"title": "before"}, []string{"42"}
			text := json.RawMessage(`{"title":"before"}`)
			if err := errors.Join(c.Pull().Send(pull.User(ids...), event("x", params)), c.Pull().Send(pull.User(ids...), event("x", text))); err != nil {
				return err
			}
			params["title"], ids[0] = "after", "7"
			copy(text, `{"title":"after!"}`)
			return nil
		}))
		p := a.dial(t, "42", "")
		p.hello(t)

		a.get(t, "/")

		for range 2 {
			if got := p.event(t).Params["title"]; got != "before" {
				t.Errorf("got %v, want before", got)
			}
		}
	})
}

func TestTargets(t *testing.T) {
	for _, tc := range []struct {
		name string
		to   pull.Target
		want string // the users 1, 2, 3 and the guest that receive it
	}{
		{"one user", pull.User("1"), "1"},
		{"users", pull.User("1", "3", "1"), "13"},
		{"tag", pull.Tag("EVEN"), "2"},
		{"shared", pull.Shared(), "123g"},
		{"shared but one", pull.Shared().Except("2"), "13g"},
		{"tags but one", pull.Tag("ODD").Except("1"), "3"},
		{"union", pull.Tag("ODD").Or(pull.User("2", "3")), "123"},
		{"exception of one part", pull.Shared().Except("1", "2").Or(pull.User("1")), "13g"},
		{"exception of a union", pull.Tag("ODD").Or(pull.User("2")).Except("2"), "13"},
		{"exceptions add up", pull.Tag("ODD").Except("1").Or(pull.User("2")).Except("3"), "2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, func(c *pull.Config) { c.Guests, c.Online = true, pull.OnlineNobody })
				defer a.stop(t)
				for user, tag := range map[string]string{"1": "ODD", "2": "EVEN", "3": "ODD"} {
					if err := a.Watch().Add(user, tag); err != nil {
						t.Fatal(err)
					}
				}
				users := []string{"1", "2", "3", ""}
				var pages []*page
				for _, user := range users {
					p := a.dial(t, user, "")
					p.hello(t)
					pages = append(pages, p)
				}
				epoch, before := a.position(t)

				if err := a.Send(t.Context(), tc.to, event("target", nil)); err != nil {
					t.Fatal(err)
				}
				if err := a.Send(t.Context(), pull.Shared(), event("last", nil)); err != nil {
					t.Fatal(err)
				}

				var got, replayed strings.Builder
				for i, p := range pages {
					if p.event(t).Command == "target" {
						got.WriteString(letter(users[i]))
						p.event(t)
					}
				}
				if got.String() != tc.want {
					t.Errorf("received by %q, want %q", got.String(), tc.want)
				}
				// The same by replay.
				for _, user := range users {
					p := a.dial(t, user, fmt.Sprintf("?cursor=%s.%d", epoch, before))
					p.hello(t)
					if p.event(t).Command == "target" {
						replayed.WriteString(letter(user))
					}
				}
				if replayed.String() != tc.want {
					t.Errorf("replayed to %q, want %q", replayed.String(), tc.want)
				}
			})
		})
	}
}

func letter(user string) string {
	if user == "" {
		return "g"
	}
	return user
}

// position returns the current end of the log.
func (a *app) position(t *testing.T) (epoch string, offset uint64) {
	t.Helper()
	p := a.dial(t, "position", "")
	defer func() { _ = p.Close() }()
	hello := p.hello(t).Params
	return hello["epoch"].(string), uint64(hello["offset"].(float64))
}

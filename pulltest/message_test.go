package pulltest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

// typing returns a plugin with the module im, whose pages may send the command typing.
func typing(t *testing.T) *pull.Plugin {
	t.Helper()
	p := pulltest.New(t, pull.Config{})
	err := p.Register(pull.Module{ID: "im", Relay: func(_ context.Context, m pull.Message) error {
		if m.Command != "typing" {
			return errors.New("no such command")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPagesSendMessages(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := typing(t)
		ann, bob := pulltest.Open(t, p, "ann"), pulltest.Open(t, p, "bob")
		say := func(command string) (state string) {
			ann.Request(t, map[string]any{"send": map[string]any{
				"n": 1, "users": []string{"bob"}, "module": "im", "command": command, "params": map[string]int{"x": 7},
			}})
			var answer struct{ State string }
			ann.Expect(t, "pull", "sent", &answer)
			return answer.State
		}

		if got := say("typing"); got != "ok" {
			t.Errorf("got the answer %q, want ok", got)
		}
		if got := say("other"); got != "forbidden" {
			t.Errorf("got the answer %q, want forbidden", got)
		}

		var got struct{ X int }
		bob.Expect(t, "client:im", "typing", &got)
		if got.X != 7 {
			t.Errorf("got %+v, want x: 7", got)
		}
		bob.Refute(t, "client:im", "other")
		ann.Refute(t, "client:im", "typing")
	})
}

// A test that expects an event of the server must not be content with a message of a page.
func TestMessageOfAPageIsNoEvent(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := typing(t)
		ann, bob := pulltest.Open(t, p, "ann"), pulltest.Open(t, p, "bob")
		ann.Request(t, map[string]any{"send": map[string]any{"n": 1, "users": []string{"bob"}, "module": "im", "command": "typing"}})
		bob.Expect(t, "client:im", "typing", nil)
		ann.Request(t, map[string]any{"send": map[string]any{"n": 2, "users": []string{"bob"}, "module": "im", "command": "typing"}})
		send(t, p, pull.User("bob"), "x")
		bob.Expect(t, "tasks", "x", nil)

		bob.Refute(t, "im", "typing")
		bob.Drop()
		bob.Return()
		bob.RefuteGap(t)
		bob.Expect(t, "client:im", "typing", nil)
	})
}

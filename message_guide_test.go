package pull_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/echo-pull/pull"
)

// members are the users of one chat.
type members []string

func (m members) HasMembers(_ context.Context, user string, others []string) bool {
	return slices.Contains(m, user) && !slices.ContainsFunc(others, func(other string) bool { return !slices.Contains(m, other) })
}

// The function that docs/messages.md shows.
func TestRelayOfTheGuidePermitsTheMembersOfAChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		chats := members{"42", "7"}
		p := a.Plugin
		err := p.Register(pull.Module{
			ID: "im",
			Relay: func(ctx context.Context, m pull.Message) error {
				if m.Command != "typing" || !chats.HasMembers(ctx, m.From, m.Users) {
					return errors.New("not in one chat")
				}
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ann, stranger := connected(t, a, "42", ""), connected(t, a, "9", "")

		if got := ann.says(t, saying("typing", toUsers("7")...)); got != "ok" {
			t.Errorf("to a member: got %q, want ok", got)
		}
		if got := ann.says(t, saying("typing", toUsers("7", "9")...)); got != "forbidden" {
			t.Errorf("to a stranger: got %q, want forbidden", got)
		}
		if got := stranger.says(t, saying("typing", toUsers("7")...)); got != "forbidden" {
			t.Errorf("from a stranger: got %q, want forbidden", got)
		}
	})
}

package pulltest_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

// withSessions returns a plugin whose requests have the session s1 of their user.
func withSessions(t *testing.T) *pull.Plugin {
	t.Helper()
	return pulltest.New(t, pull.Config{Session: func(c echo.Context) (pull.Session, error) {
		return pull.Session{User: c.Request().Header.Get(pulltest.HeaderUser), ID: "s1"}, nil
	}})
}

func TestPageHasASession(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := withSessions(t)
		phone := pulltest.OpenSession(t, p, pull.Session{User: "ann", ID: "s1"})
		laptop := pulltest.OpenSession(t, p, pull.Session{User: "ann", ID: "s2"})

		if err := p.DisconnectSession("s1"); err != nil {
			t.Error(err)
		}

		phone.ExpectClose(t, 4401)
		send(t, p, pull.User("ann"), "x")
		laptop.Expect(t, "tasks", "x", nil)
		phone.Refute(t, "tasks", "x")
		if got := record(func(t testing.TB) {
			pulltest.OpenSession(t, p, pull.Session{User: "ann", ID: "s1"}).ExpectClose(t, 4401)
		}); got != "" {
			t.Errorf("got %q, want that the session stays closed", got)
		}
	})
}

func TestSessionOfAPageIsOverInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := withSessions(t)
		login := pull.Session{User: "ann", Until: time.Now().Add(time.Minute)}
		page := pulltest.OpenSession(t, p, login)

		<-time.After(40 * time.Second)
		page.Expect(t, "pull", "session", nil)
		<-time.After(21 * time.Second)

		page.ExpectClose(t, 4401)
		if got := record(func(t testing.TB) { pulltest.OpenSession(t, p, login) }); !strings.Contains(got, "session over") {
			t.Errorf("got %q, want that the session is over", got)
		}
	})
}

// A grant of a session is for the pages of this session.
func TestPagePresentsGrantsOfItsSession(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := withSessions(t)
		page := pulltest.OpenSession(t, p, pull.Session{User: "ann", ID: "s1"})
		request := post("")
		request.Header.Set(pulltest.HeaderUser, "ann")
		text, err := p.Grant(echo.New().NewContext(request, nil), "A")
		if err != nil {
			t.Fatal(err)
		}

		page.Request(t, presents("watch", text))
		send(t, p, pull.Tag("A"), "x")
		page.Expect(t, "tasks", "x", nil)
		page.Drop()
		page.Return()

		send(t, p, pull.Tag("A"), "y")
		page.Expect(t, "tasks", "y", nil)
	})
}

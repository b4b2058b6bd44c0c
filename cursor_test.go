package pull_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

func TestNothingIsMissedBetweenRenderAndConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.withPage()
		send(t, a, pull.User("1"), "before")
		synctest.Wait()
		at := a.rendered(t, "1")
		send(t, a, pull.User("1"), "one")
		send(t, a, pull.Shared(), "two")
		send(t, a, pull.User("2"), "elsewhere")

		r := a.resume(t, "1", at)
		send(t, a, pull.User("1"), "three")

		r.sees(t, "one", "two", "three")
	})
}

func TestReconnectResumesFromTheLastMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p, at := a.fresh(t, "1")
		epoch, _, _ := strings.Cut(at, ".")
		send(t, a, pull.User("1"), "seen")
		p.sees(t, "seen")
		p.leave()
		send(t, a, pull.User("1"), "missed")

		r := a.resume(t, "1", epoch+"."+strconv.FormatUint(p.ids[0], 10))

		r.sees(t, "missed")
	})
}

func TestPagesJoinAtFullSpeedWithoutHoleOrRepetition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const total = 3000
		a := newApp(t, nil)
		defer a.stop(t)
		p, at := a.fresh(t, "1")
		p.leave()
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for i := range total {
				send(t, a, pull.User("1"), strconv.Itoa(i))
			}
		}()
		var readings []*reading
		for range 20 {
			readings = append(readings, a.dial(t, "1", "?cursor="+at).read())
		}
		<-sent
		for i, r := range readings {
			commands, hellos, err := r.wait()
			for k, command := range commands {
				if command != strconv.Itoa(k) {
					t.Fatalf("page %d: got %s at place %d", i, command, k)
				}
			}
			if len(commands) != total || len(hellos) != 1 || err != nil {
				t.Errorf("page %d: got %d messages, %d hellos, error %v, want %d, 1 and none", i, len(commands), len(hellos), err, total)
			}
		}
	})
}

func TestTicksMoveTheCursorOfAQuietPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.WindowCount = 50 })
		defer a.stop(t)
		quiet, at := a.fresh(t, "1")
		epoch, _, _ := strings.Cut(at, ".")
		for range 100 {
			send(t, a, pull.User("2"), "noise")
		}
		pass(26 * time.Second)
		quiet.sees(t)
		quiet.leave()
		send(t, a, pull.User("1"), "missed")

		r := a.resume(t, "1", epoch+"."+strconv.FormatUint(quiet.tick, 10))

		r.sees(t, "missed")
	})
}

func TestTickMovesTheCursorOfAQuietPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		at := p.hello(t).Params["offset"].(float64)
		for range 3 {
			send(t, a, pull.User("7"), "update")
		}
		start := time.Now()

		m := p.control(t)

		if m.Command != "tick" || m.Params["offset"].(float64) < at+3 {
			t.Errorf("got %s %v, want tick with an offset of at least %v", m.Command, m.Params, at+3)
		}
		if got := time.Since(start); got > 25*time.Second {
			t.Errorf("first tick after %s, want at most 25s", got)
		}
	})
}

// withPage adds a route that renders a page and grants the tags.
func (a *app) withPage(tags ...string) {
	a.echo.GET("/page", pull.Handler(func(c pull.Context) error {
		if len(tags) > 0 {
			if err := c.Pull().Watch(tags...); err != nil {
				return err
			}
		}
		return c.String(http.StatusOK, c.Pull().Cursor())
	}))
}

// rendered returns the cursor of a page that a handler has just rendered.
func (a *app) rendered(t *testing.T, user string) string {
	t.Helper()
	return text(a.get(t, "/page", userHeader, user))
}

package pulltest_test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

// everywhere runs a test inside a bubble of synctest and outside of it.
func everywhere(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Run("real time", func(t *testing.T) {
		t.Parallel()
		test(t)
	})
	t.Run("bubble", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, test)
	})
}

func TestPageGetsWhatItsUserWatches(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		e := newApp(p)
		ann, bob := pulltest.Open(t, p, "ann"), pulltest.Open(t, p, "bob")
		do(e, "ann", http.MethodGet, "/tasks/7", nil)

		do(e, "bob", http.MethodPost, "/tasks/7", titled("Rest"))

		var got task
		ann.Expect(t, "tasks", "update", &got)
		if want := (task{"7", "Rest"}); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		ann.Refute(t, "tasks", "update") // there was one
		bob.Refute(t, "tasks", "update")
	})
}

// Refute does not depend on how fast anything is.
func TestRefuteSeesWhatWasPublishedBefore(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		page := pulltest.Open(t, p, "ann")
		for i := range 200 {
			name := fmt.Sprint("n", i)
			send(t, p, pull.Shared(), name)

			got := record(func(t testing.TB) { page.Refute(t, "tasks", name) })

			if want := "pulltest: the page of user \"ann\" has tasks:" + name + " {}, want none."; !strings.HasPrefix(got, want) {
				t.Fatalf("got %q, want %q", got, want)
			}
		}
	})
}

func TestRefuteTakesNoTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		page := pulltest.Open(t, p, "ann")
		start := time.Now()

		for range 100 {
			page.Refute(t, "tasks", "update")
		}

		if took := time.Since(start); took != 0 {
			t.Errorf("it took %s, want nothing", took)
		}
	})
}

func TestExpectWaitsForAGoroutine(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		page := pulltest.Open(t, p, "ann")
		begin, sent := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(sent)
			<-begin
			<-time.After(20 * time.Millisecond)
			send(t, p, pull.Shared(), "late")
		}()

		close(begin)
		page.Expect(t, "tasks", "late", nil)
		<-sent
	})
}

// A failure shows what the page has.
func TestExpectFailsWithWhatThereIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		page := pulltest.Open(t, p, "ann")
		send(t, p, pull.Shared(), "other")

		got := record(func(t testing.TB) { page.Expect(t, "tasks", "update", nil) })

		want := "pulltest: the page of user \"ann\" has no tasks:update. It has, and the test did not expect:\n  tasks:other {}"
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		var number int
		if got := record(func(t testing.TB) { page.Expect(t, "tasks", "other", &number) }); !strings.HasPrefix(got, "pulltest: the params of tasks:other {}: json:") {
			t.Errorf("got %q, want that the params are no number", got)
		}
		if got := record(func(t testing.TB) { page.Expect(t, "tasks", "other", nil) }); !strings.HasSuffix(got, "did not expect: nothing") {
			t.Errorf("got %q, want that there is nothing", got)
		}
	})
}

func TestPageThatReturnsMissesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		page := pulltest.Open(t, p, "ann")
		send(t, p, pull.User("ann"), "before")
		page.Drop()
		send(t, p, pull.User("ann"), "meanwhile")
		page.Refute(t, "tasks", "meanwhile")

		page.Return()

		page.Expect(t, "tasks", "before", nil)
		page.Expect(t, "tasks", "meanwhile", nil)
		page.RefuteGap(t)
		page.Refute(t, "tasks", "before")
		if got := record(func(t testing.TB) { page.ExpectGap(t) }); !strings.Contains(got, `the page of user "ann" was not notified of a gap`) {
			t.Errorf("got %q, want that there was no gap", got)
		}
	})
}

// The cursor of the request that renders a page makes the page whole.
func TestPageThatWasRenderedBefore(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		e := newApp(p)
		cursor := do(e, "ann", http.MethodGet, "/tasks/7", nil).Body.String()
		do(e, "bob", http.MethodPost, "/tasks/7", titled("Rest"))

		page, late := pulltest.OpenAt(t, p, "ann", cursor), pulltest.Open(t, p, "ann")

		page.Expect(t, "tasks", "update", nil)
		late.Refute(t, "tasks", "update")
		page.RefuteGap(t)
		pulltest.OpenAt(t, p, "ann", "otherlog.1").ExpectGap(t)
		if got, want := page.Cursor(), late.Cursor(); got == "" || strings.Split(got, ".")[0] != strings.Split(want, ".")[0] {
			t.Errorf("got cursor %q, want one of the log of %q", got, want)
		}
	})
}

// The page connects, although nothing has been sent and no module is registered.
func TestHeadRendersTheCursorForOpenAt(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	e := echo.New()
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))
	e.GET("/", func(c echo.Context) error { return c.HTML(http.StatusOK, string(p.Head(c))) })
	html := do(e, "ann", http.MethodGet, "/", nil).Body.String()
	send(t, p, pull.User("ann"), "x")

	_, rest, _ := strings.Cut(html, `data-cursor="`)
	cursor, _, _ := strings.Cut(rest, `"`)

	if cursor == "" {
		t.Fatalf("got %s, want a cursor in it", html)
	}
	pulltest.OpenAt(t, p, "ann", cursor).Expect(t, "tasks", "x", nil)
}

func TestEventIsNotForItsSender(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		e := echo.New()
		e.Use(p.Middleware())
		e.POST("/", pull.Handler(func(c pull.Context) error {
			return c.Pull().Send(pull.User("ann"), pull.Event{Module: "m", Command: "c", ExceptSender: true})
		}))
		sender, other := pulltest.Open(t, p, "ann"), pulltest.Open(t, p, "ann")

		do(e, "ann", http.MethodPost, "/", nil, pull.HeaderClient, sender.Client())

		other.Expect(t, "m", "c", nil)
		sender.Refute(t, "m", "c")
	})
}

func TestPageExtendsAWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{WatchTTL: time.Minute})
		page := pulltest.Open(t, p, "ann")
		if err := p.Watch().Add("ann", "t"); err != nil {
			t.Fatal(err)
		}

		<-time.After(50 * time.Second)
		page.Request(t, map[string]any{"extend": []string{"t", "u"}})
		var got map[string]bool
		page.Expect(t, "pull", "watch", &got)
		<-time.After(50 * time.Second)
		send(t, p, pull.Tag("t"), "intime")
		<-time.After(50 * time.Second)
		send(t, p, pull.Tag("t"), "late")

		if !got["t"] || got["u"] {
			t.Errorf("got %v, want that t is watched and u is not", got)
		}
		page.Expect(t, "tasks", "intime", nil)
		page.Refute(t, "tasks", "late")
	})
}

// The limits of a browser hold.
func TestPageIsLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{MaxSessionsPerUser: 1})
		page := pulltest.Open(t, p, "ann")

		second := record(func(t testing.TB) { pulltest.Open(t, p, "ann") })
		guest := record(func(t testing.TB) { pulltest.Open(t, p, "") })
		malformed := record(func(t testing.TB) { pulltest.Open(t, p, "\x00") })
		for range 21 {
			page.Request(t, map[string]any{"extend": []string{"t"}})
		}

		for got, want := range map[string]string{
			second:    `pulltest: the page of user "ann" is refused: Too Many Requests: too many connections of this user`,
			guest:     `pulltest: the page of user "" is refused: Unauthorized: guests may not connect`,
			malformed: `pulltest: the page of user "\x00" is refused: pull: `,
		} {
			if !strings.HasPrefix(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		page.ExpectClose(t, 1008)
		page.Return()
		page.Refute(t, "m", "c")
	})
}

func TestPagesOpenWithSessions(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{Session: func(c echo.Context) (pull.Session, error) {
		return pull.Session{User: c.Request().Header.Get(pulltest.HeaderUser), ID: "s1"}, nil
	}})
	page := pulltest.Open(t, p, "ann")
	send(t, p, pull.User("ann"), "x")

	page.Expect(t, "tasks", "x", nil)
}

func TestDisconnectedPage(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{Guests: true})
		page, guest := pulltest.Open(t, p, "ann"), pulltest.Open(t, p, "")
		if got := record(func(t testing.TB) { page.ExpectClose(t, 4003) }); !strings.Contains(got, "was not closed with 4003") {
			t.Errorf("got %q, want that the page is open", got)
		}

		if err := p.Disconnect("ann"); err != nil {
			t.Error(err)
		}

		page.ExpectClose(t, 4003)
		send(t, p, pull.Shared(), "x")
		page.Refute(t, "tasks", "x")
		guest.Expect(t, "tasks", "x", nil)
		if got := record(func(t testing.TB) { page.Expect(t, "tasks", "x", nil) }); !strings.HasSuffix(got, "\n  closed with 4003, disconnected") {
			t.Errorf("got %q, want why the page has nothing", got)
		}
	})
}

func TestPagesSeeWhoIsOnline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{Online: pull.OnlineEveryone})
		ann := pulltest.Open(t, p, "ann")
		ann.Expect(t, "online", "online_list", nil)

		bob := pulltest.Open(t, p, "bob")
		var change struct {
			User string `json:"USER_ID"`
		}
		ann.Expect(t, "online", "user_online", &change)
		bob.Drop()
		<-time.After(time.Minute)
		ann.Expect(t, "online", "user_offline", &change)

		if change.User != "bob" {
			t.Errorf("got %q, want bob", change.User)
		}
	})
}

// A page of another plugin on the same log receives what the first one publishes.
func TestPagesOfTwoNodes(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		log := new(pull.Memory)
		first, second := pulltest.New(t, pull.Config{Broker: log}), pulltest.New(t, pull.Config{Broker: log})
		page := pulltest.Open(t, second, "ann")

		sent := pulltest.Sent(t, second, func() { send(t, first, pull.User("ann"), "x") })

		page.Expect(t, "tasks", "x", nil)
		sent.None(t) // second has sent nothing
	})
}

// Pages that are used at the same time do not disturb one another.
func TestPagesInParallel(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	for i := range 8 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			user := fmt.Sprint("user", i)
			page := pulltest.Open(t, p, user)
			for n := range 20 {
				send(t, p, pull.User(user), fmt.Sprint("n", n))
				if n%5 == 4 {
					page.Drop()
					page.Return()
				}
			}
			for n := range 20 {
				page.Expect(t, "tasks", fmt.Sprint("n", n), nil)
			}
			page.RefuteGap(t)
		})
	}
}

// An application may end its plugin while a test looks at a page.
func TestPageOfAPluginThatIsShutDown(t *testing.T) {
	t.Parallel()
	for range 30 {
		p := pulltest.New(t, pull.Config{})
		page := pulltest.Open(t, p, "ann")
		send(t, p, pull.User("ann"), "x")
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 20 {
					if got := record(func(t testing.TB) { page.Refute(t, "tasks", "none") }); got != "" {
						t.Error(got)
					}
				}
			})
		}
		if err := p.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		all.Wait()

		page.Expect(t, "tasks", "x", nil)
		page.ExpectClose(t, 1012)
	}
}

// A page ends with the test that has opened it, which may be a subtest.
func TestPageEndsWithItsTest(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})

	t.Run("subtest", func(t *testing.T) { pulltest.Open(t, p, "ann") })

	if got := p.Stats().Sessions; got != 0 {
		t.Errorf("got %d sessions, want none", got)
	}
}

// A plugin that New has not made works as well.
func TestPluginOfTheApplication(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p, err := pull.New(pull.Config{User: func(echo.Context) (string, error) { return "ann", nil }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
		if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
			t.Fatal(err)
		}
		page := pulltest.Open(t, p, "ann")

		sent := pulltest.Sent(t, p, func() { send(t, p, pull.User("ann"), "x") })

		sent.Only(t, pull.User("ann"), pull.Event{Module: "tasks", Command: "x"})
		page.Expect(t, "tasks", "x", nil)
		if err := p.Send(t.Context(), pull.User("ann"), pull.Event{Module: "other", Command: "x"}); err == nil {
			t.Error("an unknown module may send, want an error")
		}
		if err := p.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		page.ExpectClose(t, 1012)
	})
}

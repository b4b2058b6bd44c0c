package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// A frontend is a library whose components use the client, with a page that shows
// some of them.
type frontend struct {
	name   string
	bundle func() (string, error) // the page's script
}

var (
	reactPage = frontend{"react", sync.OnceValues(func() (string, error) { return bundle("react.jsx") })}
	vuePage   = frontend{"vue", sync.OnceValues(func() (string, error) { return bundle("vue.js") })}
)

// bundle returns a page's script together with the library and the client.
func bundle(source string) (string, error) {
	cmd := exec.Command("node", "frontends/bundle.mjs", source)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	script, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("bundle of %s: %w\n%s", source, err, stderr.String())
	}
	return string(script), nil
}

// open opens the page for a user; it does not connect yet.
func (f frontend) open(t *testing.T, s *site, user string) *tab {
	t.Helper()
	if _, err := os.Stat("../client/node_modules/react"); errors.Is(err, os.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skip("no react: run npm ci in client")
	}
	script, err := f.bundle()
	if err != nil {
		t.Fatal(err)
	}
	page := newPerson(t, user).open(t, s.url+"/elsewhere")
	page.run(script)
	return page
}

// everyFrontend runs a test with each library.
func everyFrontend(t *testing.T, run func(t *testing.T, f frontend)) {
	t.Parallel()
	for _, f := range []frontend{reactPage, vuePage} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			run(t, f)
		})
	}
}

// view shows other components in place of those that are shown.
func (p *tab) view(name string) {
	p.Helper()
	p.run(fmt.Sprintf("show(%q)", name))
}

func (p *tab) untilText(id, want string) {
	p.Helper()
	p.until(fmt.Sprintf("document.getElementById(%q)?.textContent === %q", id, want))
}

func TestComponentsShareOneConnectionAndReceiveEachEventOnce(t *testing.T) {
	everyFrontend(t, func(t *testing.T, f frontend) {
		s := newSite(t, nil)
		page := f.open(t, s, "ann")
		page.view("numbers")
		page.until("pull.isConnected()")

		s.send(pull.User("ann"), 1, 2, 3)

		page.untilText("a", "1,2,3")
		page.untilText("b", "1,2,3")
		if got := s.attempts(); got != 1 {
			t.Errorf("got %d connections, want 1", got)
		}
		page.clean()
	})
}

func TestOtherViewKeepsTheConnection(t *testing.T) {
	everyFrontend(t, func(t *testing.T, f frontend) {
		s := newSite(t, nil)
		page := f.open(t, s, "ann")
		page.view("numbers")
		page.until("pull.isConnected()")
		s.send(pull.User("ann"), 1)
		page.untilText("a", "1")

		page.view("other")
		page.untilText("c", "")
		s.send(pull.User("ann"), 2)

		page.untilText("c", "2")
		if got := s.attempts(); got != 1 {
			t.Errorf("got %d connections, want 1", got)
		}
	})
}

// What was sent between the last component of one view and the first of another
// reaches the latter: the client goes on where it was.
func TestConnectionEndsWithTheLastComponentAndComesBackWithoutLoss(t *testing.T) {
	everyFrontend(t, func(t *testing.T, f frontend) {
		s := newSite(t, nil)
		page := f.open(t, s, "ann")
		page.view("numbers")
		page.until("pull.isConnected()")
		s.send(pull.User("ann"), 1)
		page.untilText("a", "1")

		page.view("nothing")
		page.until("!pull.isConnected()")
		s.send(pull.User("ann"), 2, 3)
		page.view("numbers")
		page.until("pull.isConnected()")
		s.send(pull.User("ann"), 4)

		page.untilText("a", "2,3,4")
		page.untilText("b", "2,3,4")
		if got := s.attempts(); got != 2 {
			t.Errorf("got %d connections, want 2", got)
		}
	})
}

func TestComponentThatGoesWhileConnectingEndsTheConnection(t *testing.T) {
	everyFrontend(t, func(t *testing.T, f frontend) {
		s := newSite(t, nil)
		arrived, ended := make(chan struct{}), make(chan struct{})
		s.breakWith(func(echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				close(arrived) // twice would panic: there is one attempt
				<-c.Request().Context().Done()
				close(ended)
				return nil
			}
		})
		page := f.open(t, s, "ann")
		page.view("numbers")
		<-arrived

		page.view("nothing")

		select {
		case <-ended:
		case <-time.After(10 * time.Second): // by itself, the client waits for 15
			t.Error("the page is still connecting")
		}
		if got := value[string](page, "pull.getDebugInfo().transport ?? 'none'"); got != "none" {
			t.Errorf("got transport %s, want none", got)
		}
	})
}

func TestComponentReceivesAllCommandsOfAModule(t *testing.T) {
	everyFrontend(t, func(t *testing.T, f frontend) {
		s := newSite(t, nil)
		page := f.open(t, s, "ann")
		page.view("commands")
		page.until("pull.isConnected()")

		s.send(pull.User("ann"), 5)

		page.untilText("a", "n 5")
	})
}

func TestComponentIsNotifiedOfEachGapOnce(t *testing.T) {
	everyFrontend(t, func(t *testing.T, f frontend) {
		s := newSite(t, nil)
		page := f.open(t, s, "ann")
		page.view("gaps")
		page.until("pull.isConnected()")
		page.untilText("a", "0")

		for _, want := range []string{"1", "2"} {
			s.restart() // with a new log
			page.untilText("a", want)
		}
	})
}

func TestComponentsShowTheSameStatus(t *testing.T) {
	everyFrontend(t, func(t *testing.T, f frontend) {
		s := newSite(t, nil)
		page := f.open(t, s, "ann")
		page.view("status")
		both := func(want string) {
			page.untilText("a", want)
			page.untilText("b", want)
		}
		both("online")

		s.stop()
		page.until(`["offline", "connect"].includes(document.getElementById("a").textContent)`)
		s.start(s.url[len("http://"):])

		both("online")
	})
}

func TestHydratedPageShowsWhatTheServerRendered(t *testing.T) {
	everyFrontend(t, func(t *testing.T, f frontend) {
		s := newSite(t, nil)
		page := f.open(t, s, "ann")

		page.run(`hydrate("status")`)

		page.untilText("a", "online")
		page.clean()
		if got := s.attempts(); got != 1 {
			t.Errorf("got %d connections, want 1", got)
		}
	})
}

func TestComponentShowsWhoIsHere(t *testing.T) {
	everyFrontend(t, func(t *testing.T, f frontend) {
		s := newSite(t, nil)
		page := f.open(t, s, "ann")
		page.view("bob")
		page.untilText("a", "bob was never here, eve was never here")

		bob := newPerson(t, "bob").open(t, s.url+"/page")
		page.untilText("a", "bob is here, eve was never here")
		bob.close()
		page.untilText("a", "bob was here, eve was never here")

		page.view("nobody")
		page.untilText("a", "")
		page.view("bob")
		page.untilText("a", "bob was here, eve was never here")
		page.clean()
	})
}

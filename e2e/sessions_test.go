package e2e

import (
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// sessions are logins by cookie that end unless they are used: each request that shows one
// makes it last longer, as sliding sessions do.
type sessions struct {
	*site
	life time.Duration

	mu   sync.Mutex           // guards the fields below
	ends map[string]time.Time // by the user, who has one session
	used map[string]int       // renewals of each
}

func newSessions(t *testing.T, life time.Duration, configure ...func(*pull.Config)) *sessions {
	t.Helper()
	s := &sessions{life: life, ends: make(map[string]time.Time), used: make(map[string]int)}
	s.site = newSite(t, func(c *pull.Config) {
		c.User, c.Session = nil, s.session
		for _, more := range configure {
			more(c)
		}
	})
	s.get("/logout", func(c echo.Context) error {
		name := s.end(c)
		if err := s.current().DisconnectSession(idOf(name)); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	s.get("/expire", func(c echo.Context) error {
		s.end(c)
		return c.NoContent(http.StatusNoContent)
	})
	return s
}

func idOf(name string) string { return "secret of " + name }

func (s *sessions) session(c echo.Context) (pull.Session, error) {
	name, err := visitor(c)
	if err != nil {
		return pull.Session{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ends, known := s.ends[name]
	if now := time.Now(); known && now.After(ends) {
		return pull.Session{}, echo.ErrUnauthorized
	}
	if c.Path() == "/pull/session" {
		s.used[name]++
	}
	s.ends[name] = time.Now().Add(s.life)
	c.SetCookie(&http.Cookie{Name: "name", Value: url.QueryEscape(name), Path: "/", Expires: s.ends[name]})
	return pull.Session{User: name, ID: idOf(name), Until: s.ends[name]}, nil
}

// end ends the session of a request, of which the plugin hears nothing.
func (s *sessions) end(c echo.Context) (name string) {
	name, _ = visitor(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends[name] = time.Time{}
	return name
}

func (s *sessions) renewals(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used[name]
}

// open opens a page that counts the ends of its sessions.
func (s *sessions) open(t *testing.T, who *person) *tab {
	t.Helper()
	page := who.open(t, s.url+"/page")
	page.connected()
	page.run(`window.sessions = 0; BX.PULL.on("session", () => sessions++)`)
	return page
}

// over waits until the page knows that its login is over, and holds it to stay away.
func (s *sessions) over(page *tab) {
	page.Helper()
	page.until("sessions === 1")
	before := s.attempts()
	page.run(`for (const name of ["online", "focus", "pageshow"]) dispatchEvent(new Event(name))`)
	page.until(`statuses.at(-1) === "offline"`) // after the five seconds within which it would have reconnected
	if got := value[string](page, "errors.join()"); got != "AUTHORIZE_ERROR" {
		page.Errorf("the page got the errors %q, want one AUTHORIZE_ERROR", got)
	}
	if s.attempts() != before {
		page.Errorf("the page has connected again, want it to stay away")
	}
}

func TestSlidingCookieIsRenewedWithoutAReconnect(t *testing.T) {
	t.Parallel()
	s := newSessions(t, 6*time.Second)
	page := s.open(t, newPerson(t, "ann"))
	before := s.attempts()

	eventually(t, "three renewals", func() bool { return s.renewals("ann") >= 3 })
	s.send(pull.User("ann"), 1)
	page.heard(1)
	if got := s.attempts(); got != before {
		t.Errorf("the page connected %d times, want %d", got, before)
	}
	page.clean()
}

func TestLogoutInAnotherTabEndsTheSessionOfEachTab(t *testing.T) {
	t.Parallel()
	s := newSessions(t, time.Minute)
	ann := newPerson(t, "ann")
	page, other := s.open(t, ann), s.open(t, ann)
	elsewhere := s.open(t, newPerson(t, "bob"))

	other.run(`fetch("/logout")`)
	s.over(page)
	s.over(other)
	s.send(pull.Shared(), 1)
	elsewhere.heard(1)
	page.heard()
	page.clean("401")
}

func TestSessionThatEndsBehindThePagesBackIsNoticedAtItsRenewal(t *testing.T) {
	t.Parallel()
	s := newSessions(t, 6*time.Second)
	page := s.open(t, newPerson(t, "ann"))

	page.run(`fetch("/expire")`)
	s.over(page)
	page.clean("401")
}

func TestPageNoticesAnotherUserOfItsBrowserAtItsRenewal(t *testing.T) {
	t.Parallel()
	s := newSessions(t, 6*time.Second)
	page := s.open(t, newPerson(t, "ann"))

	page.cookie(s.url, "bob") // in another tab
	s.over(page)
	s.send(pull.User("bob"), 1)
	page.heard()
	page.cookie(s.url, "bob") // the session has ended meanwhile, with its page
	page.visit(s.url + "/page")
	page.connected()
	if got := value[string](page, "BX.PULL.getDebugInfo().user"); got != "bob" {
		t.Errorf("the page that was loaded again is of %q, want bob", got)
	}
}

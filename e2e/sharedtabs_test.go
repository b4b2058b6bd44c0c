package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/echo-pull/pull"
)

// newSharedSite returns a site whose pages share one connection.
func newSharedSite(t *testing.T, configure func(*pull.Config)) *site {
	t.Helper()
	s := newSite(t, func(c *pull.Config) {
		c.Shared = true
		if configure != nil {
			configure(c)
		}
	})
	return s
}

// openTabs opens the same page in several tabs, and waits until each is connected.
func openTabs(t *testing.T, who *person, s *site, n int) []*tab {
	t.Helper()
	var tabs []*tab
	for range n {
		page := who.open(t, s.url+"/page")
		page.connected()
		tabs = append(tabs, page)
	}
	return tabs
}

func (s *site) sessions() int { return s.current().Stats().Sessions }

func TestTenTabsAreOneConnectionAndOnePresence(t *testing.T) {
	t.Parallel()
	s := newSharedSite(t, nil)
	tabs := openTabs(t, newPerson(t, "ann"), s, 10)
	if got := s.sessions(); got != 1 {
		t.Errorf("ten tabs have %d connections, want 1", got)
	}
	if got := s.attempts(); got != 1 {
		t.Errorf("ten tabs have connected %d times, want once", got)
	}

	s.send(pull.User("ann"), 1, 2, 3)
	s.send(pull.Shared(), 4)

	for _, page := range tabs {
		page.heard(1, 2, 3, 4)
		page.clean()
	}
}

func TestLateTabMissesNothingSinceItWasRendered(t *testing.T) {
	t.Parallel()
	s := newSharedSite(t, nil)
	who := newPerson(t, "ann")
	first := openTabs(t, who, s, 1)[0]
	s.get("/slow", pull.Handler(func(c pull.Context) error {
		s.send(pull.User("ann"), 1, 2) // after the page's position, before it connects
		return page(c, s.current())
	}))

	late := who.open(t, s.url+"/slow")

	late.connected()
	late.heard(1, 2)
	first.heard(1, 2)
	s.send(pull.User("ann"), 3)
	late.heard(1, 2, 3)
	first.heard(1, 2, 3)
	if got := s.sessions(); got != 1 {
		t.Errorf("there are %d connections, want 1", got)
	}
}

func TestClosedAndCrashedTabsLeaveTheOthersAlone(t *testing.T) {
	t.Parallel()
	s := newSharedSite(t, nil)
	tabs := openTabs(t, newPerson(t, "ann"), s, 3)

	tabs[0].close()
	crash(tabs[1])
	s.send(pull.User("ann"), 1, 2)

	tabs[2].heard(1, 2)
	tabs[2].close()
	eventually(t, "the connection ends after the last tab", func() bool { return s.sessions() == 0 })
}

// crashing is how long the call may take that ends a page: what would return it is gone.
const crashing = 2 * time.Second

// crash ends the process of a tab's page.
func crash(p *tab) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, crashing)
	defer cancel()
	_ = chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, cdppage.Crash, cdp.Empty{})
		return err
	}))
}

func TestTabsOfARestartedServerMissNothing(t *testing.T) {
	t.Parallel()
	s := newSharedSite(t, func(c *pull.Config) { c.StateFile = t.TempDir() + "/state" })
	tabs := openTabs(t, newPerson(t, "ann"), s, 3)
	s.send(pull.User("ann"), 1)
	for _, page := range tabs {
		page.heard(1)
	}

	s.restart()
	s.send(pull.User("ann"), 2)

	for _, page := range tabs {
		page.heard(1, 2)
		page.connected()
	}
	if got := s.sessions(); got != 1 {
		t.Errorf("there are %d connections, want 1", got)
	}
}

func TestFrozenTabMissesNothing(t *testing.T) {
	t.Parallel()
	s := newSharedSite(t, nil)
	tabs := openTabs(t, newPerson(t, "ann"), s, 2)
	setLife(tabs[0], cdppage.SetWebLifecycleStateStateFrozen)
	s.send(pull.User("ann"), numbers(1, 40)...)
	tabs[1].heard(numbers(1, 40)...)

	setLife(tabs[0], cdppage.SetWebLifecycleStateStateActive)

	tabs[0].heard(numbers(1, 40)...)
	if got := s.sessions(); got != 1 {
		t.Errorf("there are %d connections, want 1", got)
	}
}

func setLife(p *tab, state cdppage.SetWebLifecycleStateState) {
	p.Helper()
	p.must(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, cdppage.SetWebLifecycleState, cdppage.SetWebLifecycleStateParams{State: state})
		return err
	}))
}

func numbers(from, to int) (all []int) {
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

func TestTabFromTheBackForwardCacheMissesNothing(t *testing.T) {
	t.Parallel()
	s := newSharedSite(t, nil)
	tabs := openTabs(t, newPerson(t, "ann"), s, 2)
	tabs[0].run(`window.shown = []
		addEventListener("pageshow", ({ persisted }) => shown.push(persisted))`)
	s.send(pull.User("ann"), 1)
	tabs[0].heard(1)

	tabs[0].run(`location.assign("/elsewhere")`)
	tabs[0].until(`document.title === "elsewhere"`)
	s.send(pull.User("ann"), 2, 3)
	tabs[1].heard(1, 2, 3)
	tabs[0].run("history.back()")

	tabs[0].until("window.shown?.at(-1) === true")
	tabs[0].connected()
	s.send(pull.User("ann"), 4)
	tabs[0].heard(1, 2, 3, 4)
	tabs[1].heard(1, 2, 3, 4)
}

func TestExceptSenderSparesOneTab(t *testing.T) {
	t.Parallel()
	s := newSharedSite(t, nil)
	s.get("/except", pull.Handler(func(c pull.Context) error {
		e := numbered(1)
		e.ExceptSender = true
		if err := c.Pull().Send(pull.User("ann"), e); err != nil {
			return err
		}
		return c.Pull().Send(pull.User("ann"), numbered(2))
	}))
	tabs := openTabs(t, newPerson(t, "ann"), s, 3)

	tabs[1].run(`fetch("/except", { headers: BX.PULL.headers() })`)

	tabs[0].heard(1, 2)
	tabs[1].heard(2)
	tabs[2].heard(1, 2)
}

func TestLogoutEndsAllTabs(t *testing.T) {
	t.Parallel()
	s := newSharedSite(t, nil)
	tabs := openTabs(t, newPerson(t, "ann"), s, 3)
	if err := s.current().Disconnect("ann"); err != nil {
		t.Error(err)
	}
	for _, page := range tabs {
		page.until(`errors.includes("AUTHORIZE_ERROR") && !BX.PULL.isConnected()`)
	}
}

// Where there is no SharedWorker each tab connects by itself.
func TestTabsWithoutSharedWorkerConnectThemselves(t *testing.T) {
	t.Parallel()
	s := newSharedSite(t, nil)
	s.get("/without", pull.Handler(func(c pull.Context) error {
		if _, err := c.Response().Write([]byte("<!doctype html><script>delete globalThis.SharedWorker</script>")); err != nil {
			return err
		}
		return page(c, s.current())
	}))
	who := newPerson(t, "ann")
	var tabs []*tab
	for range 2 {
		page := who.open(t, s.url+"/without")
		page.connected()
		tabs = append(tabs, page)
	}
	if got := s.sessions(); got != 2 {
		t.Errorf("two tabs have %d connections, want 2", got)
	}
	s.send(pull.User("ann"), 1)
	for _, page := range tabs {
		page.heard(1)
	}
}

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/echo-pull/pull"
)

// endWorkers ends the shared workers of a site, as a browser that is short of memory does.
func endWorkers(p *tab, site string) (ended int) {
	p.Helper()
	p.must(chromedp.Func(func(ctx context.Context, page *chromedp.Target) error {
		all, err := cdp.Call(ctx, page, target.GetTargets, target.GetTargetsParams{})
		if err != nil {
			return err
		}
		for _, info := range all.TargetInfos {
			if info.Type != "shared_worker" || !strings.HasPrefix(info.URL, site) {
				continue
			}
			if _, err := chromedp.CallBrowser(ctx, target.CloseTarget, target.CloseTargetParams{TargetID: info.TargetID}); err != nil {
				return err
			}
			ended++
		}
		return nil
	}))
	return ended
}

func TestTabsOfAWorkerThatWasEndedMissNothing(t *testing.T) {
	t.Parallel()
	s := newSharedSite(t, func(c *pull.Config) { c.Tick = 2 * time.Second })
	tabs := openTabs(t, newPerson(t, "ann"), s, 3)
	s.send(pull.User("ann"), 1)
	for _, page := range tabs {
		page.heard(1)
	}

	if got := endWorkers(tabs[0], s.url); got != 1 {
		t.Fatalf("ended %d workers, want 1", got)
	}
	s.send(pull.User("ann"), 2, 3)

	for _, page := range tabs {
		page.heard(1, 2, 3)
		page.connected()
	}
	eventually(t, "the tabs share a connection again", func() bool { return s.sessions() == 1 })
	s.send(pull.User("ann"), 4)
	for _, page := range tabs {
		page.heard(1, 2, 3, 4)
	}
}

func TestTabsThatShareKeepNothingOfAnotherUser(t *testing.T) {
	t.Parallel()
	s := newSharedSite(t, func(c *pull.Config) { c.StateFile = t.TempDir() + "/state" })
	page := openTabs(t, newPerson(t, "ann"), s, 1)[0]
	page.cookie(s.url, "bob") // in another tab
	s.restart()
	page.until(`errors.includes("AUTHORIZE_ERROR") && !BX.PULL.isConnected()`)
	s.send(pull.User("bob"), 1)

	page.cookie(s.url, "ann")
	page.run("BX.PULL.start()")

	page.connected()
	s.send(pull.User("ann"), 2)
	page.heard(2)
}

func TestTabsThatShareRenewTheirSession(t *testing.T) {
	t.Parallel()
	s := newSessions(t, 6*time.Second, func(c *pull.Config) { c.Shared = true })
	ann := newPerson(t, "ann")
	tabs := []*tab{s.open(t, ann), s.open(t, ann)}
	before := s.attempts()

	eventually(t, "renewals over more than one session", func() bool { return s.renewals("ann") >= 8 })
	s.send(pull.User("ann"), 1)
	for _, page := range tabs {
		page.heard(1)
		page.clean()
	}
	if got := s.attempts(); got != before {
		t.Errorf("the tabs connected %d times, want %d", got, before)
	}
}

package e2e

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// patience limits every wait. It is long because a machine may be slow; a passing
// test does not use it up.
const patience = 40 * time.Second

// look is the interval at which a waiting test looks at a page.
const look = 25 * time.Millisecond

// A person has a separate browser profile: cookies, and any number of tabs.
type person struct {
	name string
	ctx  context.Context //nolint:containedctx // this is how chromedp names a browser
}

func newPerson(t *testing.T, name string) *person {
	t.Helper()
	if browser == nil {
		t.Skip(errNoChromium)
	}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("a browser for %s: %v", name, err)
	}
	return &person{name, ctx}
}

// newPersistent returns a person with the browser's own profile, which all such
// persons share. Some functions of the browser need it.
func newPersistent(t *testing.T, name string) *person {
	t.Helper()
	if browser == nil {
		t.Skip(errNoChromium)
	}
	return &person{name, browser}
}

// A tab is one page of a person, with the problems in its console.
type tab struct {
	*testing.T
	ctx   context.Context //nolint:containedctx // this is how chromedp names a tab
	close context.CancelFunc
	console
}

// open opens a page in a new tab. The person's name is in the cookie that the
// example and the test's own application read.
func (p *person) open(t *testing.T, address string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(p.ctx)
	t.Cleanup(cancel)
	page := &tab{T: t, ctx: ctx, close: cancel}
	if err := chromedp.Listen(ctx, page.listen); err != nil {
		t.Fatalf("a tab for %s: %v", p.name, err)
	}
	if p.name != "" {
		page.cookie(address, p.name)
	}
	page.visit(address)
	return page
}

func (p *tab) cookie(address, name string) {
	p.Helper()
	cookie := network.SetCookieParams{Name: "name", Value: url.QueryEscape(name), URL: address}
	p.must(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.SetCookie, cookie)
		return err
	}))
}

func (p *tab) must(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.Fatal(err)
	}
}

func (p *tab) visit(address string) {
	p.Helper()
	p.must(chromedp.Navigate(address))
}

// run evaluates a script for its effect.
func (p *tab) run(script string) {
	p.Helper()
	p.must(chromedp.Evaluate[chromedp.Void](script, chromedp.EvalAwaitPromise))
}

// value evaluates an expression.
func value[T any](p *tab, expression string) T {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for the expression to be true, on this page or on the one that
// replaces it. The expression is evaluated through the debugger, because a page
// with a strict policy cannot evaluate it itself.
func (p *tab) until(expression string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := wait(ctx, func() bool {
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		return err == nil && is
	}); err != nil {
		shown, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body?.innerText ?? ''"))
		p.Fatalf("timed out waiting for %s: %v; the page shows:\n%s", expression, err, shown)
	}
}

func (p *tab) connected() {
	p.Helper()
	p.until("window.BX?.PULL?.isConnected()")
}

// eventually waits for a condition that no page shows.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := wait(ctx, is); err != nil {
		t.Fatalf("timed out waiting: %s", what)
	}
}

func wait(ctx context.Context, is func() bool) error {
	again := time.NewTicker(look)
	defer again.Stop()
	for !is() {
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

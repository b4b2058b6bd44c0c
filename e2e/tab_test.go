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

// patience bounds every wait. It is long because a machine may be slow; no test
// takes it when all is well.
const patience = 40 * time.Second

// look is how often a page is looked at while a test waits for something on it.
const look = 25 * time.Millisecond

// A person has a browser of their own: cookies, and any number of tabs.
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

// A tab is a page of a person's, and what its console said.
type tab struct {
	*testing.T
	ctx   context.Context //nolint:containedctx // this is how chromedp names a tab
	close context.CancelFunc
	console
}

// open opens a page in a new tab. The person's name is in the cookie in which
// the example and the test's own application look for it.
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

// run evaluates a script for what it does.
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

// until waits for the expression to be true, on this page or the one that it
// gives way to. The expression is evaluated from outside, because a page under
// a strict policy evaluates nothing itself.
func (p *tab) until(expression string) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := wait(ctx, func() bool {
		is, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		return err == nil && is
	}); err != nil {
		shown, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string]("document.body?.innerText ?? ''"))
		p.Fatalf("waited for %s in vain: %v; the page shows:\n%s", expression, err, shown)
	}
}

func (p *tab) connected() {
	p.Helper()
	p.until("window.BX?.PULL?.isConnected()")
}

// eventually waits for something that no page shows.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := wait(ctx, is); err != nil {
		t.Fatalf("waited in vain: %s", what)
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

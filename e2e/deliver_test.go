package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"
)

// permit sets the permission for notifications of an origin in a person's browser.
func (p *person) permit(t *testing.T, origin string, setting browserPermission) {
	t.Helper()
	_, err := chromedp.CallBrowser(p.ctx, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{
		Permission:       &cdpbrowser.PermissionDescriptor{Name: "notifications"},
		Setting:          setting,
		Origin:           origin,
		BrowserContextID: chromedp.FromContext(p.ctx).BrowserContextID,
	})
	if err != nil {
		t.Fatal(err)
	}
}

type browserPermission = cdpbrowser.PermissionSetting

const (
	granted browserPermission = "granted"
	denied  browserPermission = "denied"
)

// workers are the registrations of service workers in a person's browser, as a tab
// sees them. Through them tests hand messages to workers: Chromium cannot
// subscribe without Google's push service.
type workers struct {
	page *tab

	mu  sync.Mutex                              // guards ids
	ids map[string]serviceworker.RegistrationID // by scope
}

// watchWorkers collects registrations from now on.
func (p *tab) watchWorkers() *workers {
	p.Helper()
	w := &workers{page: p, ids: make(map[string]serviceworker.RegistrationID)}
	if err := chromedp.Listen(p.ctx, w.listen); err != nil {
		p.Fatal(err)
	}
	p.must(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, serviceworker.Enable, cdp.Empty{})
		return err
	}))
	return w
}

func (w *workers) listen(event any) {
	updated, is := event.(*serviceworker.EventWorkerRegistrationUpdated)
	if !is {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range updated.Registrations {
		if w.ids[r.ScopeURL] = r.RegistrationID; r.IsDeleted {
			delete(w.ids, r.ScopeURL)
		}
	}
}

func (w *workers) id(scope string) serviceworker.RegistrationID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ids[scope]
}

// deliver hands a message to the worker with the scope, as if it had come
// encrypted from a push service.
func (w *workers) deliver(scope, message string) {
	w.page.Helper()
	eventually(w.page.T, "a worker with the scope "+scope, func() bool { return w.id(scope) != "" })
	params := serviceworker.DeliverPushMessageParams{
		Origin: strings.TrimSuffix(scope, "/"), RegistrationID: w.id(scope), Data: message,
	}
	w.page.must(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, serviceworker.DeliverPushMessage, params)
		return err
	}))
}

// promised waits for a promise and returns what it becomes.
func promised[T any](p *tab, expression string) T {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (p *tab) notes(want ...note) {
	p.Helper()
	compareNotes(p.T, promised[[]note](p, "shown()"), want)
}

func (n note) json(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/echo-pull/pull/e2e/internal/autopushtest"
	"github.com/echo-pull/pull/e2e/internal/firefoxtest"
)

// A firefox is a browser with the stand-in for Mozilla's push service that it uses.
type firefox struct {
	*firefoxtest.Browser
	service *autopushtest.Server
	dir     string
}

// startFirefox starts a browser with a new profile.
func startFirefox(ctx context.Context) (*firefox, error) {
	dir, err := os.MkdirTemp("", "firefox-")
	if err != nil {
		return nil, err
	}
	f := &firefox{service: autopushtest.Start(), dir: dir}
	if err := f.start(ctx); err != nil {
		f.service.Close()
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return f, nil
}

// start starts the browser with its profile.
func (f *firefox) start(ctx context.Context) error {
	path, err := firefoxtest.Find()
	if err == nil {
		f.Browser, err = firefoxtest.Start(ctx, path, f.dir, f.service.Preferences())
	}
	return err
}

// saved reports whether the profile's files have the browser's name at the push
// service and the worker of an origin. The browser writes them a little later.
func (f *firefox) saved(origin string) bool {
	preferences, err := os.ReadFile(filepath.Join(f.dir, "profile", "prefs.js"))
	if err != nil || !bytes.Contains(preferences, []byte("dom.push.userAgentID")) {
		return false
	}
	workers, err := os.ReadFile(filepath.Join(f.dir, "profile", "serviceworker.txt"))
	return err == nil && bytes.Contains(workers, []byte(origin))
}

func (f *firefox) end() {
	f.Kill()
	f.service.Close()
	_ = os.RemoveAll(f.dir)
}

// commonFirefox is the browser that tests share. It starts with the first of them,
// which takes several seconds.
var commonFirefox struct {
	start   sync.Once
	browser *firefox // nil before the start, and if that has failed
	err     error
}

// endFirefox ends the browser that tests shared.
func endFirefox() {
	if f := commonFirefox.browser; f != nil {
		f.end()
	}
}

// front is held by the test that uses the shared browser: each new tab is in front of
// the others, and examples share a cookie, because ports do not separate them. Nor do they
// separate WebSockets: while one to a server that has ended waits for its next attempt, all
// others to the same host wait, for up to 14 seconds when that was measured. So no tab
// outlives its test.
var front sync.Mutex

// sharedFirefox returns the browser of the tests that do not restart it. They use it
// one after the other, and each has an origin of its own.
func sharedFirefox(t *testing.T) *firefox {
	t.Helper()
	commonFirefox.start.Do(func() {
		commonFirefox.browser, commonFirefox.err = startFirefox(context.Background())
	})
	needFirefox(t, commonFirefox.err)
	f := commonFirefox.browser
	front.Lock()
	t.Cleanup(func() {
		defer front.Unlock()
		if err := f.CloseTabs(context.Background()); err != nil {
			t.Errorf("close the tabs: %v", err)
		}
	})
	return f
}

// needFirefox ends the test if a browser has not started. Without a Firefox the
// test is skipped, except under CI.
func needFirefox(t *testing.T, err error) {
	t.Helper()
	switch {
	case errors.Is(err, firefoxtest.ErrMissing) && os.Getenv("CI") == "":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// A foxTab is a page in Firefox.
type foxTab struct {
	*testing.T
	*firefoxtest.Tab
}

func (f *firefox) open(t *testing.T, address string) *foxTab {
	t.Helper()
	page, err := f.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	return &foxTab{t, page}
}

// foxValue evaluates an expression, and waits for it if it is a promise.
func foxValue[T any](p *foxTab, expression string) T {
	p.Helper()
	var v T
	if err := p.Eval(p.Context(), expression, &v); err != nil {
		p.Fatal(err)
	}
	return v
}

// until waits for the expression to be true, on this page or on the one that replaces it.
func (p *foxTab) until(expression string) {
	p.Helper()
	p.settles("!!(" + expression + ")")
}

// settles waits for the promise of an expression, made anew each time, to be true.
func (p *foxTab) settles(expression string) {
	p.Helper()
	eventually(p.T, expression, func() bool {
		var is bool
		return p.Eval(p.Context(), expression, &is) == nil && is
	})
}

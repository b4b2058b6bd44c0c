package plugintest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/echo-pull/pull/internal/engine"
)

// plugins maps the engines of New to their plugins.
var plugins sync.Map // *engine.Engine → *Plugin

// settle waits until everything that was published has reached the pages' queues.
func settle(t testing.TB, e *engine.Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := e.Settle(ctx); err != nil {
		t.Fatalf("pulltest: the log stands still: %v", err)
	}
}

// LoseHistory implements the function of package pulltest.
func LoseHistory(t testing.TB, w engine.Watches) {
	t.Helper()
	e := engine.Of(w)
	settle(t, e)
	if p, own := plugins.Load(e); own {
		p.(*Plugin).losing.Store(true)
	}
	if !e.LoseLog() {
		t.Fatalf("pulltest: LoseHistory needs the embedded log, Memory")
	}
	settle(t, e)
}

// errBroker is the error of FailBroker if the test gives none.
var errBroker = errors.New("pulltest: the broker fails")

// FailBroker implements the function of package pulltest.
func FailBroker(t testing.TB, w engine.Watches, err error) (mend func()) {
	t.Helper()
	e := engine.Of(w)
	settle(t, e)
	if err == nil {
		err = errBroker
	}
	return undo(t, e.Fail(err))
}

// FillQueue implements the function of package pulltest.
func FillQueue(t testing.TB, w engine.Watches) (empty func()) {
	t.Helper()
	return undo(t, engine.Of(w).Fill())
}

// undo returns a function that calls f once, at the end of the test at the latest.
func undo(t testing.TB, f func()) func() {
	t.Helper()
	once := sync.OnceFunc(f)
	t.Cleanup(once)
	return once
}

package plugintest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/publish"
)

// patience is how long a test waits for what has to happen, and happens at once
// unless something is broken.
const patience = 10 * time.Second

// A Plugin is what New knows of a plugin.
type Plugin struct {
	t      testing.TB
	losing atomic.Bool // LoseHistory has lost the log, and the error that it broke is to come
}

// NewPlugin returns the Plugin of a test, before there is one to open.
func NewPlugin(t testing.TB) *Plugin { return &Plugin{t: t} }

// Report is Config.OnError: any error fails the test, except those of the faults
// that the test has ordered.
func (p *Plugin) Report(err error) {
	var ordered *publish.FaultError
	if errors.As(err, &ordered) || strings.Contains(err.Error(), "log broke") && p.losing.CompareAndSwap(true, false) {
		return
	}
	p.t.Errorf("pulltest: Config.OnError got: %v", err)
}

// Open begins what is for tests only, and ends the plugin with the test.
func (p *Plugin) Open(w engine.Watches, shutdown func(context.Context) error) {
	p.t.Helper()
	e := engine.Of(w)
	e.AdmitModules()
	e.Observe()
	plugins.Store(e, p)
	p.t.Cleanup(func() {
		defer plugins.Delete(e)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := shutdown(ctx); err != nil {
			p.t.Errorf("pulltest: the plugin did not end: %v", err)
		}
	})
}

// Write writes a line of the plugin's log to the output of the test.
func (p *Plugin) Write(line []byte) (int, error) { return p.t.Output().Write(line) }

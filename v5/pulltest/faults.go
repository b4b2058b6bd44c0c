package pulltest

import (
	"testing"

	"github.com/echo-pull/pull/internal/plugintest"
	"github.com/echo-pull/pull/v5"
)

// LoseHistory replaces the log by an empty one, once all pages have everything that
// was published before, as if the server had crashed: every page is notified of a
// gap, and one that is away when it returns. Watches stay. Config.OnError gets "log
// broke". The plugin must have the embedded log.
func LoseHistory(t testing.TB, p *pull.Plugin) {
	t.Helper()
	plugintest.LoseHistory(t, p.Watch())
}

// FailBroker makes every call of the broker return err, or another error if err is
// nil, until the test calls mend or ends. Meanwhile Outbox.Send succeeds and
// responses do not wait, Plugin.Send and Outbox.Flush wait, and nothing reaches the
// pages. Config.OnError gets "publish: " and err. After mend, everything arrives.
func FailBroker(t testing.TB, p *pull.Plugin, err error) (mend func()) {
	t.Helper()
	return plugintest.FailBroker(t, p.Watch(), err)
}

// FillQueue occupies the publisher's whole queue, so that Send returns
// pull.ErrQueueFull, until the test calls empty or ends.
func FillQueue(t testing.TB, p *pull.Plugin) (empty func()) {
	t.Helper()
	return plugintest.FillQueue(t, p.Watch())
}

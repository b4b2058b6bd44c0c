package pulltest

import (
	"log/slog"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/echo-pull/pull/internal/plugintest"
	"github.com/echo-pull/pull/v5"
)

// HeaderUser is the header of a request that contains the user's id, unless
// Config.User or Config.Session is set.
const HeaderUser = "X-User"

// New returns a plugin that ends with the test. Every module may send; you need to
// register one only to test the pages on which its client starts.
//
// Defaults differ from those of [pull.New] in these fields: User returns what is in
// the header [HeaderUser]; OnError fails the test, except for errors of a fault that
// the test has ordered; Logger writes to the output of the test. A configuration
// that pull.New does not accept ends the test, and a plugin that does not end in
// time, for example because a hook hangs, fails it.
func New(t testing.TB, config pull.Config) *pull.Plugin {
	t.Helper()
	own := plugintest.NewPlugin(t)
	if config.User == nil && config.Session == nil {
		config.User = func(c *echo.Context) (string, error) { return c.Request().Header.Get(HeaderUser), nil }
	}
	if config.OnError == nil {
		config.OnError = own.Report
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.NewTextHandler(own, nil))
	}
	p, err := pull.New(config)
	if err != nil {
		t.Fatalf("pulltest: %v", err)
	}
	own.Open(p.Watch(), p.Shutdown)
	return p
}

package pull_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// A hookedHandler calls a function for each message that a logger gets.
type hookedHandler struct {
	slog.Handler
	handle func(text string)
}

func (hookedHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h hookedHandler) Handle(_ context.Context, r slog.Record) error {
	h.handle(r.Message)
	return nil
}

func withHandle(handle func(text string)) func(*pull.Config) {
	return func(c *pull.Config) { c.Logger = slog.New(hookedHandler{slog.DiscardHandler, handle}) }
}

func TestLoggerThatPanicsHarmsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := newApp(t, func(c *pull.Config) {
			withHandle(func(string) { panic("the disk is full") })(c)
			c.Broker = f
		})
		a.get(t, "/pull")
		a.get(t, "/pull", userHeader, "42", "Origin", "http://evil.test")
		p := a.dial(t, "42", "")
		p.hello(t)
		f.set(func(f *faults) { f.err, f.away = errBroker, errBroker })
		f.interrupt()
		pass(time.Minute)
		f.set(func(f *faults) { f.err, f.away = nil, nil })
		pass(30 * time.Second)
		quit(p)
		s := a.stream(t, "42", "")
		s.hello(t)
		s.close()
		h1 := a.client
		a.overHTTP2(t, a.echo)
		h2 := a.html2(t, "42", "")
		h2.next(t)
		h2.close()
		a.client = h1

		if n := a.Stats().Sessions; n != 0 {
			t.Errorf("got %d sessions, want none that has ended", n)
		}
		a.stop(t)
	})
}

// What the plugin counts is logged by a goroutine that nothing waits for.
func TestLoggerThatBlocksKeepsNoPageFromItsPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		a := newApp(t, withHandle(func(text string) {
			if strings.Contains(text, "refused") {
				<-hold
			}
		}))
		defer a.stop(t)
		defer close(hold)
		live, _ := a.fresh(t, "1")
		a.get(t, "/pull")
		pass(10 * time.Minute)
		send(t, a, pull.User("1"), "x")

		live.sees(t, "x")
	})
}

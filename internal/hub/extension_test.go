package hub

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// A watch that was extended in time covers what was sent after it would have expired, also
// if that comes into the log before the extension.
func TestExtensionThatComesLateLosesNothing(t *testing.T) {
	for _, kind := range []envelope.Kind{envelope.KindExtend, envelope.KindWatch} {
		for _, test := range []struct {
			name   string
			passed bool // the page has passed the message when the extension comes
		}{{"page that can still have it in order", false}, {"page that has passed it", true}} {
			t.Run(test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h, d := newHub(func(c *Config) { c.WatchTTL = time.Minute })
					w, transport := new(writer), new(recorder)
					d.Dispatch([]broker.Delivery{w.message(event.Shared(), "x"), w.grant("1", "log.1", "T")})
					page := newPage(h, "1", transport)
					if err := h.Join(page, nil, 0); err != nil {
						t.Fatal(err)
					}
					page.Flush()
					<-time.After(59 * time.Second)
					list := []string{"1", "T"}
					if kind == envelope.KindWatch {
						list = []string{"1", "log.2", "T"}
					}
					extension := envelope.Control(kind, time.Now(), list...)
					<-time.After(2 * time.Second)

					d.Dispatch([]broker.Delivery{w.message(event.Tag("T"), "between")})
					if test.passed {
						d.Dispatch([]broker.Delivery{w.message(event.User("1"), "later")})
					}
					d.Dispatch([]broker.Delivery{w.next(extension)})

					text, without := "between", `"recovered":false,"tick"`
					if test.passed {
						text, without = `"offset":5`, "between"
					}
					transport.frames = transport.frames[1:] // hello
					if transport.find(page, text) < 0 || transport.find(page, without) >= 0 {
						t.Errorf("got %q, want %s without %s", transport.frames, text, without)
					}
				})
			})
		}
	}
}

package hub

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/event"
)

// Messages for one address share a frame only if they are for the same pages: a watch may
// have expired between them.
func TestMessageAfterAWatchHasExpiredIsNotDeliveredWithOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, d := newHub(func(c *Config) { c.WatchTTL = time.Minute })
		w, transport := new(writer), new(recorder)
		d.Dispatch([]broker.Delivery{w.message(event.Shared(), "x"), w.grant("1", "log.1", "T")})
		page := newPage(h, "1", transport)
		if err := h.Join(page, nil, 0); err != nil {
			t.Fatal(err)
		}
		page.Flush()
		batch := []broker.Delivery{w.message(event.Tag("T"), "early"), w.message(event.Tag("T"), "with it")}
		<-time.After(2 * time.Minute)

		d.Dispatch(append(batch, w.message(event.Tag("T"), "late")))

		if transport.find(page, "early") < 0 || transport.find(page, "with it") < 0 || transport.find(page, "late") >= 0 {
			t.Errorf("got %q, want the messages of before the watch has expired", transport.frames)
		}
	})
}

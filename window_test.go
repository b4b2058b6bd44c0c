package pull_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// The window limits what is remembered, not what is being sent.
func TestBurstBeyondTheWindowReachesLivePages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const burst = 2000
		a := newApp(t, func(c *pull.Config) { c.WindowCount = 100 })
		defer a.stop(t)
		withSend(a, burst, pull.User("1"))
		addressed, _ := a.fresh(t, "1")
		beside, _ := a.fresh(t, "2")

		a.get(t, "/send")
		synctest.Wait()

		if commands, hellos, err := addressed.wait(); len(commands) != burst || len(hellos) != 1 || err != nil {
			t.Errorf("got %d messages, %d hellos, error %v, want %d, 1 and none", len(commands), len(hellos), err, burst)
		}
		beside.sees(t)
	})
}

func TestEventLargerThanTheWindowIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.WindowBytes = 1024 })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")

		sendEvent(t, a, pull.User("1"), event("large", pad(2000)))

		r.sees(t, "large")
	})
}

func TestTTLEndsAReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p, at := a.fresh(t, "1")
		p.leave()
		short := event("short", nil)
		short.TTL = 10 * time.Second
		sendEvent(t, a, pull.User("1"), short)
		send(t, a, pull.User("1"), "long")
		a.resume(t, "1", at).sees(t, "short", "long")
		pass(11 * time.Second)

		r := a.resume(t, "1", at)

		r.sees(t, "long")
	})
}

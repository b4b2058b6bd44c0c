package pull_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

func TestForeignMessagesInTheLogHarmNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		r, at := a.fresh(t, "1")
		for _, raw := range []string{"", "hello", strings.Repeat("\x00", 100), strings.Repeat("\xff", 100), "\x01\x01" + strings.Repeat("\xff", 60), "\x02\x01" + strings.Repeat("\xff", 60)} {
			if err := f.Publish(t.Context(), []byte(raw)); err != nil {
				t.Fatal(err)
			}
		}
		send(t, a, pull.User("1"), "ours")

		r.sees(t, "ours")
		a.resume(t, "1", at).sees(t, "ours")
	})
}

// Another application, or another version of this one, may publish at full speed.
func TestForeignMessagesAreReportedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reported reports
		f := newFaults()
		a := newApp(t, func(c *pull.Config) { c.Broker, c.OnError = f, reported.add })
		defer a.stop(t)
		for range 2 {
			for range 100 {
				if err := f.Publish(t.Context(), []byte("foreign")); err != nil {
					t.Fatal(err)
				}
			}
			pass(time.Minute)
		}
		synctest.Wait()

		if got := len(reported.list); got != 2 || !reported.contain("not a message of this version") {
			t.Errorf("got reports %v, want one each minute", reported.list)
		}
	})
}

func TestForeignTimesHarmNothing(t *testing.T) {
	for name, bits := range map[string]uint64{"least": 1 << 63, "most": 1<<63 - 1, "zero": 0, "minus one": ^uint64(0)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				a := f.node(t)
				defer a.stop(t)
				r, at := a.fresh(t, "1")
				f.rewrite(func(raw []byte) {
					if raw[1] == 1 {
						binary.BigEndian.PutUint64(raw[18:], bits)
					}
				})
				send(t, a, pull.User("1"), "odd")
				f.rewrite(nil)
				send(t, a, pull.User("1"), "even")

				r.sees(t, "odd", "even")
				a.resume(t, "1", at).sees(t, "odd", "even")
			})
		})
	}
}

func TestMessageBeforeAnUnwatchIsReplayedWhateverTheClocksSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		grant(t, a, "1", "T")
		p, at := a.fresh(t, "1")
		p.leave()
		f.rewrite(sentAt(time.Now().Add(time.Second))) // from a node whose clock is ahead
		send(t, a, pull.Tag("T"), "before")
		f.rewrite(nil)
		if err := a.Watch().Delete("1", "T"); err != nil {
			t.Fatal(err)
		}

		r := a.resume(t, "1", at)
		send(t, a, pull.Tag("T"), "later")

		r.sees(t, "before")
	})
}

// sentAt changes the time in the envelopes of events.
func sentAt(at time.Time) func([]byte) {
	return func(raw []byte) {
		if raw[1] == 1 {
			binary.BigEndian.PutUint64(raw[18:], uint64(at.UnixNano()))
		}
	}
}

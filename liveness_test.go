package pull_test

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// A peer is another node of the application, known only from the log.
type peer struct {
	t     *testing.T
	log   pull.Broker
	seq   uint64
	clock func() time.Time
}

const (
	kindBeat   = 7
	kindOnline = 9
)

// say publishes a control message, as internal/envelope/envelope.go describes it.
func (p *peer) say(kind byte, list ...string) {
	p.t.Helper()
	p.seq++
	raw := append([]byte{3, kind}, "somebody"...)
	raw = binary.BigEndian.AppendUint64(raw, p.seq)
	raw = append(binary.BigEndian.AppendUint64(raw, uint64(p.clock().UnixNano())), 0)
	raw = binary.AppendUvarint(raw, uint64(len(list)))
	for _, s := range list {
		raw = append(binary.AppendUvarint(raw, uint64(len(s))), s...)
	}
	if err := p.log.Publish(p.t.Context(), raw); err != nil {
		p.t.Fatal(err)
	}
	synctest.Wait()
}

// wrong returns clocks of nodes; all but the first are wrong.
func wrong() map[string]func() time.Time {
	jumps := 0
	return map[string]func() time.Time{
		"right":          time.Now,
		"a minute late":  func() time.Time { return time.Now().Add(-70 * time.Second) },
		"an hour late":   func() time.Time { return time.Now().Add(-time.Hour) },
		"an hour early":  func() time.Time { return time.Now().Add(time.Hour) },
		"stopped":        func() time.Time { return time.Unix(0, 0) },
		"before all":     func() time.Time { return time.Unix(-1, 0) },
		"to and fro":     func() time.Time { jumps++; return time.Now().Add(time.Duration(jumps%3-1) * time.Hour) },
		"slower by half": func() time.Time { return time.Unix(time.Now().Unix()/2, 0) },
	}
}

func TestNodeLivesAsLongAsItIsHeardWhateverItsClock(t *testing.T) {
	for name, clock := range wrong() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				a := f.node(t)
				defer a.stop(t)
				b := &peer{t: t, log: f, clock: clock}
				b.say(kindOnline, "2")
				watched := func(seconds int) (online int) {
					for range seconds {
						pass(time.Second)
						if a.Presence().Online("2")["2"] {
							online++
						}
					}
					return online
				}
				for range 9 {
					if got := watched(20); got != 20 {
						t.Fatalf("online in %d of 20 seconds between two signs of life, want all", got)
					}
					b.say(kindBeat)
				}

				if got := watched(120); got < 60 || got > 80 {
					t.Errorf("online for %d s after the last sign of life, want about 65", got)
				}
			})
		})
	}
}

func TestNodeThatHasJustStartedSoonKnowsWhichOthersLive(t *testing.T) {
	for name, clock := range wrong() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				first := f.node(t) // without a node there is no log
				defer first.stop(t)
				dead := &peer{t: t, log: f, clock: clock}
				dead.say(kindOnline, "2")
				pass(4 * time.Minute) // short enough that the message is still in the window

				a := f.node(t)
				defer a.stop(t)

				pass(36 * time.Second)
				if a.Presence().Online("2")["2"] {
					t.Error("the user of a node that died long ago is online")
				}
				dead.say(kindOnline, "3")
				b := f.node(t)
				defer b.stop(t)
				for range 20 {
					pass(9 * time.Second)
					dead.say(kindBeat)
					if !b.Presence().Online("3")["3"] {
						t.Fatal("the user of a node that lives is offline")
					}
				}
			})
		})
	}
}

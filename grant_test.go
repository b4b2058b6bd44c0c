package pull_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

func TestWatchCountsFromTheRequestThatGrantedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.withPage("T")
		send(t, a, pull.Tag("T"), "before")
		synctest.Wait()
		at := a.rendered(t, "1")
		send(t, a, pull.Tag("T"), "after")

		r := a.resume(t, "1", at)

		r.sees(t, "after")
	})
}

// A slow broker orders the event before the grant for which the page waits.
func TestWatchHearsWhatOvertookItsGrant(t *testing.T) {
	for _, connect := range []string{"before the grant", "after the grant"} {
		t.Run(connect, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFaults()
				a := f.node(t)
				b := f.node(t) // another node, with a faster way to the broker
				defer b.stop(t)
				defer a.stop(t)
				a.withPage("T")
				synctest.Wait() // the nodes' own messages are not blocked
				hold := make(chan struct{})
				f.set(func(f *faults) { f.hold = hold })
				at := a.rendered(t, "1")
				synctest.Wait() // the grant is being published
				f.set(func(f *faults) { f.hold = nil })
				send(t, b, pull.Tag("T"), "overtook")
				var r *reading
				if connect == "before the grant" {
					r = a.resume(t, "1", at)
				}
				close(hold)
				synctest.Wait()
				if r == nil {
					r = a.resume(t, "1", at)
				}

				send(t, b, pull.Tag("T"), "followed")

				r.sees(t, "overtook", "followed")
			})
		})
	}
}

// A page beyond the message can no longer receive it in order.
func TestPageThatIsPastWhatOvertookAGrantIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		b := f.node(t)
		defer b.stop(t)
		defer a.stop(t)
		a.withPage("T")
		synctest.Wait() // the nodes' own messages are not blocked
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		at := a.rendered(t, "1")
		synctest.Wait()
		f.set(func(f *faults) { f.hold = nil })
		r := a.resume(t, "1", at)
		send(t, b, pull.Tag("T"), "overtook")
		send(t, b, pull.User("1"), "newer")
		synctest.Wait()

		close(hold)

		_, hellos, _ := r.wait()
		if len(hellos) != 2 || hellos[1].Params["recovered"] != false {
			t.Errorf("got hellos %v, want a second one that reports the gap", hellos)
		}
		counts(t, "gaps", a.Stats().GapsBy, map[string]uint64{"grant": 1})
	})
}

// So can a page that was away when the grant came, and returns from beyond the message.
func TestPageThatReturnsPastWhatOvertookAGrantIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		b := f.node(t)
		defer b.stop(t)
		defer a.stop(t)
		a.withPage("T")
		synctest.Wait() // the nodes' own messages are not blocked
		hold := make(chan struct{})
		f.set(func(f *faults) { f.hold = hold })
		at := a.rendered(t, "1")
		synctest.Wait()
		f.set(func(f *faults) { f.hold = nil })
		r := b.resume(t, "1", at)
		send(t, b, pull.Tag("T"), "overtook")
		send(t, b, pull.User("1"), "newer")
		r.sees(t, "newer")
		_, beyond := b.fresh(t, "2")
		r.leave()

		close(hold)
		synctest.Wait()

		b.dial(t, "1", "?cursor="+beyond).read().learnsOfAGap(t)
		counts(t, "gaps", b.Stats().GapsBy, map[string]uint64{"behind": 1})
	})
}

// Two requests render pages of one user at the same time. The first to begin is
// the last to end: its page must receive what was sent to the tag since it began.
func TestLaterGrantOfAnEarlierRequestCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		at := ""
		a.withPage("T")
		a.echo.GET("/slow", pull.Handler(func(c pull.Context) error {
			at = c.Pull().Cursor()
			send(t, a, pull.Tag("T"), "since-the-first-began")
			a.rendered(t, "1") // the second request, from start to end
			return c.Pull().Watch("T")
		}))
		a.get(t, "/slow", userHeader, "1")

		a.resume(t, "1", at).sees(t, "since-the-first-began")
	})
}

func TestRepeatedGrantsCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		a.withPage("T", "U")
		a.rendered(t, "1")
		synctest.Wait()
		before := f.count()
		for range 1000 {
			a.rendered(t, "1")
			grant(t, a, "1", "T")
		}
		if got := f.count() - before; got != 0 {
			t.Errorf("%d messages for what was granted a moment ago, want none", got)
		}
		pass(2 * time.Second)
		grant(t, a, "1", "T")
		if got := f.count() - before; got != 1 {
			t.Errorf("%d messages after two seconds, want one", got)
		}
	})
}

// The state in which the watch is in force is about to end.
func TestGrantAfterADeleteThatIsUnderWayCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		grant(t, a, "1", "T")
		back := f.outOfReach()
		deleted := make(chan error, 1)
		go func() { deleted <- a.Watch().Delete("1", "T") }()
		synctest.Wait()
		time.AfterFunc(time.Second, back)
		grant(t, a, "1", "T")

		if err := <-deleted; err != nil {
			t.Error(err)
		}
		if got := a.Watch().Users("T"); len(got) != 1 {
			t.Errorf("got %v watching, want the user of the last grant", got)
		}
	})
}

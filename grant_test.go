package pull_test

import (
	"testing"
	"testing/synctest"

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

// A slow broker orders the event before the grant of the page that waits for it.
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
				hold := make(chan struct{})
				f.set(func(f *faults) { f.hold = hold })
				at := a.rendered(t, "1")
				synctest.Wait() // the grant is on its way
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

// A page that is past the message cannot have it in order any more.
func TestPageThatIsPastWhatOvertookAGrantIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		b := f.node(t)
		defer b.stop(t)
		defer a.stop(t)
		a.withPage("T")
		synctest.Wait() // they have heard of one another
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
			t.Errorf("got hellos %v, want a second one that tells of the gap", hellos)
		}
	})
}

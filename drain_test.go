package pull_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

// draining returns a node on the broker that drains over a time.
func (f *faults) draining(t *testing.T, over time.Duration) *app {
	t.Helper()
	return newApp(t, func(c *pull.Config) { c.Broker, c.Drain = f, over })
}

// goodbyes connects pages of the users 0 to n-1, and returns when each was closed, and
// with which codes. The result is valid once wait has returned.
func goodbyes(t *testing.T, a *app, n int) (times []time.Time, codes []int, wait func()) {
	t.Helper()
	times, codes = make([]time.Time, n), make([]int, n)
	var open sync.WaitGroup
	for i := range n {
		p := a.dial(t, strconv.Itoa(i), "")
		p.hello(t)
		open.Go(func() {
			codes[i], _ = p.closed(t)
			times[i] = time.Now()
		})
	}
	return times, codes, open.Wait
}

func TestDrainClosesSessionsEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pages, every = 40, 500 * time.Millisecond
		a := newFaults().draining(t, pages*every)
		times, codes, wait := goodbyes(t, a, pages)
		began := time.Now()

		if err := a.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown: got %v, want nil", err)
		}
		wait()

		slices.SortFunc(times, time.Time.Compare)
		for i, at := range times {
			want := time.Duration(i+1) * every
			if got := at.Sub(began); got < want || got > want+20*time.Millisecond {
				t.Errorf("page %d was closed after %s, want %s", i, got, want)
			}
			if codes[i] != 1012 {
				t.Errorf("page %d was closed with %d, want 1012", i, codes[i])
			}
		}
		if took := time.Since(began); took > pages*every+time.Second {
			t.Errorf("Shutdown took %s, want little more than %s", took, pages*every)
		}
		a.stop(t)
	})
}

func TestDrainingNodeWorksAsBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, b := f.draining(t, 10*time.Second), f.node(t)
		defer b.stop(t)
		pages := []*reading{}
		for i := range 10 {
			r, _ := a.fresh(t, strconv.Itoa(i))
			pages = append(pages, r)
		}
		ended := make(chan error, 1)
		go func() { ended <- a.Shutdown(t.Context()) }()
		pass(5500 * time.Millisecond)

		send(t, a, pull.Shared(), "here")
		send(t, b, pull.Shared(), "there")

		open := 0
		for i, r := range pages {
			commands, _, err := r.wait()
			switch {
			case err == nil && slices.Equal(commands, []string{"here", "there"}):
				open++
			case err == nil || len(commands) > 0:
				t.Errorf("page %d: got %q and %v, want both events or a close", i, commands, err)
			}
		}
		if open != 5 {
			t.Errorf("%d pages are open, want 5 in the middle of the drain", open)
		}
		if got := b.Presence().Users(); len(got) != 10 {
			t.Errorf("online on the other node: %q, want all ten, who may return within the grace", got)
		}
		_, response, err := a.tryDial(t, "", userHeader, "late")
		if err == nil || response == nil || response.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a new page: got %v and %v, want 503", response, err)
		}
		if err := <-ended; err != nil {
			t.Errorf("Shutdown: got %v, want nil", err)
		}
		if err := a.Send(t.Context(), pull.Shared(), event("x", nil)); !errors.Is(err, pull.ErrClosed) {
			t.Errorf("Send afterwards: got %v, want %v", err, pull.ErrClosed)
		}
		a.stop(t)
	})
}

// Pages that are still on the node send messages to others, wherever those are.
func TestPagesTalkDuringADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, b := f.draining(t, 10*time.Second), f.node(t)
		defer b.stop(t)
		a.relays(t, func(context.Context, pull.Message) error { return nil })
		sender, here, there := connected(t, a, "42", ""), connected(t, a, "7", ""), connected(t, b, "7", "")
		ended := make(chan error, 1)
		go func() { ended <- a.Shutdown(t.Context()) }()
		pass(2 * time.Second)

		if got := sender.says(t, saying("typing", toUsers("7")...)); got != "ok" {
			t.Errorf("got %q, want ok", got)
		}

		for _, p := range []*page{here, there} {
			if m := p.hears(t); m.Command != "typing" {
				t.Errorf("got %+v, want typing", m)
			}
		}
		if err := <-ended; err != nil {
			t.Errorf("Shutdown: got %v, want nil", err)
		}
		a.stop(t)
	})
}

func TestPagesThatADrainMovesMissNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a, b := f.draining(t, 10*time.Second), f.node(t)
		defer b.stop(t)
		const pages, events = 20, 150
		before, after := make([]*reading, pages), make([]*reading, pages)
		cursors := make([]string, pages)
		for i := range pages {
			before[i], cursors[i] = a.fresh(t, strconv.Itoa(i))
		}
		ended := make(chan error, 1)
		go func() { ended <- a.Shutdown(t.Context()) }()

		for n := range events {
			send(t, b, pull.Shared(), strconv.Itoa(n))
			pass(100 * time.Millisecond)
			for i, r := range before {
				if commands, _, err := r.wait(); after[i] == nil && err != nil && len(commands) < n { // it was away for an event or more
					if last := len(r.ids) - 1; last >= 0 {
						epoch, _, _ := strings.Cut(cursors[i], ".")
						cursors[i] = epoch + "." + strconv.FormatUint(r.ids[last], 10)
					}
					after[i] = b.resume(t, strconv.Itoa(i), cursors[i])
				}
			}
		}

		for i, r := range before {
			first, _, err := r.wait()
			if !websocket.IsCloseError(err, 1012) || after[i] == nil {
				t.Fatalf("page %d: got %v, want close 1012 and a return", i, err)
			}
			rest, _, _ := after[i].wait()
			counted(t, slices.Concat(first, rest))
			if got := len(first) + len(rest); got != events {
				t.Errorf("page %d: got %d events, want %d", i, got, events)
			}
		}
		if err := <-ended; err != nil {
			t.Errorf("Shutdown: got %v, want nil", err)
		}
		a.stop(t)
	})
}

func TestDrainLeavesTimeForTheRestOfTheShutdown(t *testing.T) {
	for _, tc := range []struct{ drain, bound, want time.Duration }{
		{time.Minute, 6 * time.Second, 3 * time.Second},
		{time.Minute, 20 * time.Second, 10 * time.Second},
		{time.Minute, 40 * time.Second, 30 * time.Second},
		{longest, 40 * time.Second, 30 * time.Second},
		{5 * time.Second, 40 * time.Second, 5 * time.Second},
		{0, 40 * time.Second, 0},
	} {
		t.Run(tc.bound.String()+" for "+tc.drain.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newFaults().draining(t, tc.drain)
				times, codes, wait := goodbyes(t, a, 10)
				ctx, cancel := context.WithTimeout(t.Context(), tc.bound)
				defer cancel()
				began := time.Now()

				if err := a.Shutdown(ctx); err != nil {
					t.Errorf("got %v, want nil", err)
				}
				wait()

				last := slices.MaxFunc(times, time.Time.Compare).Sub(began)
				if last < tc.want || last > tc.want+20*time.Millisecond {
					t.Errorf("the last page was closed after %s, want %s", last, tc.want)
				}
				if slices.ContainsFunc(codes, func(code int) bool { return code != 1012 }) {
					t.Errorf("closed with %v, want 1012 for all", codes)
				}
				a.stop(t)
			})
		})
	}
}

func TestDrainEndsWhenNobodyIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFaults().draining(t, time.Hour)
		var pages []*reading
		for i := range 10 {
			r, _ := a.fresh(t, strconv.Itoa(i))
			pages = append(pages, r)
		}
		time.AfterFunc(3*time.Second, func() {
			for _, r := range pages {
				r.leave()
			}
		})
		began := time.Now()

		err := a.Shutdown(t.Context())

		if took := time.Since(began); err != nil || took > 4*time.Second {
			t.Errorf("took %s and returned %v, want 3s and nil", took, err)
		}
		a.stop(t)
	})
}

func TestDrainWithoutPagesTakesNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFaults().draining(t, time.Hour)
		began := time.Now()

		err := a.Shutdown(t.Context())

		if took := time.Since(began); err != nil || took > time.Second {
			t.Errorf("took %s and returned %v, want no time and nil", took, err)
		}
		a.stop(t)
	})
}

func TestDrainEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFaults().draining(t, time.Hour)
		a.fresh(t, "1")
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()

		err := a.Shutdown(ctx)

		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("took %s, want 1s", took)
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		if again := a.end(t); again != err { //nolint:errorlint // the very same
			t.Errorf("a second Shutdown returned %v, want %v as the first", again, err)
		}
	})
}

func TestSecondShutdownDuringADrainWaitsAsLongAsItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFaults().draining(t, 10*time.Second)
		times, codes, wait := goodbyes(t, a, 10)
		began := time.Now()
		ended := make(chan error, 1)
		go func() { ended <- a.Shutdown(t.Context()) }()
		pass(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()

		err := a.Shutdown(ctx)

		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 3*time.Second {
			t.Errorf("the second returned %v after %s, want %v after 3s", err, took, context.DeadlineExceeded)
		}
		if err := <-ended; err != nil {
			t.Errorf("the first returned %v, want nil", err)
		}
		wait()
		if last := slices.MaxFunc(times, time.Time.Compare).Sub(began); last < 10*time.Second || slices.Max(codes) != 1012 {
			t.Errorf("the last page was closed after %s, with the codes %v; want 10s and 1012", last, codes)
		}
		a.stop(t)
	})
}

// A page whose handshake began before the shutdown may join during the drain.
func TestPageThatConnectsDuringADrainIsClosedAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newFaults().draining(t, 10*time.Second)
		_, at := a.fresh(t, "1")
		late := a.dial(t, "2", "?cursor="+at+"00").read() // ahead of the log, so it waits for a second
		synctest.Wait()

		a.stop(t)

		_, hellos, err := late.wait()
		if len(hellos) != 1 || !websocket.IsCloseError(err, 1012) {
			t.Errorf("got hellos %v and %v, want one and close 1012", hellos, err)
		}
	})
}

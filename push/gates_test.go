package push

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/internal/notification"
)

func newGates(parallel, waiting int) *gates {
	return &gates{parallel: parallel, waiting: waiting, hosts: map[string]*gate{}}
}

func TestGatesBoundEachHost(t *testing.T) {
	t.Parallel()
	g := newGates(3, 1000)
	var running sync.WaitGroup
	var under, most [2]atomic.Int32
	for i := range 200 {
		running.Go(func() {
			host := i % 2
			if err := g.enter(t.Context(), strconv.Itoa(host)); err != nil {
				t.Error(err)
				return
			}
			now := under[host].Add(1)
			for seen := most[host].Load(); now > seen && !most[host].CompareAndSwap(seen, now); seen = most[host].Load() {
			}
			under[host].Add(-1)
			g.leave(strconv.Itoa(host))
		})
	}
	running.Wait()
	for host := range most {
		if n := most[host].Load(); n < 1 || n > 3 {
			t.Errorf("host %d: %d at the same time, want up to 3", host, n)
		}
	}
	if len(g.hosts) != 0 {
		t.Errorf("%d gates are left", len(g.hosts))
	}
}

func TestOnlySoManyWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGates(1, 2)
		if err := g.enter(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		waited := make(chan error, 2)
		for range 2 {
			go func() { waited <- g.enter(ctx, "a") }()
		}
		synctest.Wait()

		err := g.enter(t.Context(), "a")

		if !errors.As(err, new(*notification.RetryError)) || !errors.Is(err, errBusy) {
			t.Errorf("the third got %v, want a RetryError", err)
		}
		if err := g.enter(t.Context(), "b"); err != nil {
			t.Errorf("another host: %v", err)
		}
		cancel()
		for range 2 {
			if err := <-waited; !errors.As(err, new(*notification.RetryError)) || !errors.Is(err, context.Canceled) {
				t.Errorf("a canceled one got %v", err)
			}
		}
		g.leave("a")
		g.leave("b")
		if len(g.hosts) != 0 {
			t.Errorf("%d gates are left", len(g.hosts))
		}
	})
}

func TestClosedGateSendsAwayThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGates(1, 2)
		if err := g.enter(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		waited := make(chan error)
		go func() { waited <- g.enter(t.Context(), "a") }()
		synctest.Wait()

		g.close("a", time.Minute)
		g.close("a", time.Second) // the longer one counts
		g.leave("a")

		for _, err := range []error{<-waited, g.enter(t.Context(), "a")} {
			var retry *notification.RetryError
			if !errors.As(err, &retry) || retry.After != time.Minute {
				t.Errorf("got %v, want a RetryError after a minute", err)
			}
		}
		<-time.After(time.Minute)
		if err := g.enter(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		g.leave("a")
		if len(g.hosts) != 0 {
			t.Errorf("%d gates are left", len(g.hosts))
		}
	})
}

func TestClosedGatesAreBounded(t *testing.T) {
	t.Parallel()
	g := newGates(1, 1)
	if err := g.enter(t.Context(), "busy"); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * maxGates {
		g.close(strconv.Itoa(i), time.Hour)
	}
	if len(g.hosts) > maxGates+1 {
		t.Errorf("%d gates", len(g.hosts))
	}
	g.leave("busy")
}

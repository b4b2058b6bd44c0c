package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestEventsBetweenRenderAndConnectArrive(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	gate := make(chan struct{})
	s.breakWith(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			<-gate
			return next(c)
		}
	})
	page := newPerson(t, "ann").open(t, s.url+"/page?watch=TASK_7")

	s.send(pull.User("ann"), 1)
	s.send(pull.Tag("TASK_7"), 2)
	s.send(pull.Shared(), 3)
	s.send(pull.User("bob"), 4)
	connected := value[bool](page, "BX.PULL.isConnected()")
	close(gate)

	if connected {
		t.Error("the page had connected already, want it held back")
	}
	page.connected()
	s.send(pull.User("ann"), 5)
	page.heard(1, 2, 3, 5)
	page.clean()
}

func TestRestartDuringABurstLosesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *pull.Config) { c.StateFile = filepath.Join(t.TempDir(), "state") })
	page := newPerson(t, "ann").open(t, s.url+"/page")
	page.connected()
	var sent atomic.Int64
	enough := make(chan struct{})
	done := make(chan error, 1)

	go func() { done <- burst(t.Context(), s, &sent, enough) }()
	more := func(what string) {
		t.Helper()
		goal := sent.Load() + 100
		eventually(t, what, func() bool { return sent.Load() >= goal })
	}
	more("events before the restart")
	s.restart()
	more("events after the restart")
	page.connected()
	more("events after the return")
	close(enough)

	if err := <-done; err != nil {
		t.Fatal(err)
	}
	page.heard(count(int(sent.Load()))...)
	page.clean("WebSocket", "ERR_CONNECTION_REFUSED")
}

// burst sends numbered events through the current plugin, and counts the accepted
// ones, until enough is closed.
func burst(ctx context.Context, s *site, sent *atomic.Int64, enough <-chan struct{}) error {
	pace := time.NewTicker(time.Millisecond)
	defer pace.Stop()
	for {
		select {
		case <-pace.C:
		case <-enough:
			return nil
		}
		err := s.current().Send(ctx, pull.User("ann"), numbered(int(sent.Load())+1))
		if err == nil {
			sent.Add(1)
		} else if !errors.Is(err, pull.ErrClosed) {
			return err
		}
	}
}

func TestOfflineForAWhileMissesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	page := newPerson(t, "ann").open(t, s.url+"/page")
	page.connected()
	s.send(pull.User("ann"), 1)
	page.heard(1)

	page.offline(true)
	page.until("!navigator.onLine && !BX.PULL.isConnected()")
	s.send(pull.User("ann"), 2, 3, 4)
	s.send(pull.Shared(), 5)
	eventually(t, "the server lets the session go", func() bool { return s.current().Stats().Sessions == 0 })
	page.offline(false)

	page.connected()
	s.send(pull.User("ann"), 6)
	page.heard(1, 2, 3, 4, 5, 6)
}

// offline cuts the page off from the network and sets navigator.onLine.
func (p *tab) offline(is bool) {
	p.Helper()
	conditions := &network.Conditions{Offline: is, DownloadThroughput: -1, UploadThroughput: -1}
	state := network.OverrideNetworkStateParams{Offline: is, DownloadThroughput: -1, UploadThroughput: -1}
	p.must(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		rules := network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{conditions}}
		if _, err := cdp.Call(ctx, target, network.EmulateNetworkConditionsByRule, rules); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, target, network.OverrideNetworkState, state)
		return err
	}))
}

// count returns 1 to n.
func count(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i + 1
	}
	return numbers
}

// join formats numbers like JavaScript's join.
func join(numbers []int) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(numbers), "[]"), " ", ",")
}

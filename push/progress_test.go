package push

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func subscriptions(endpoints ...string) []Subscription {
	var all []Subscription
	for _, endpoint := range endpoints {
		all = append(all, Subscription{Endpoint: endpoint})
	}
	return all
}

func TestProgressIsForgottenWhenItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgress()
		p.keep("1", time.Now().Add(time.Minute), []device{deviceOf("a")})
		p.keep("2", time.Now().Add(time.Hour), nil)
		if rest, attempts := p.rest("1", subscriptions("a", "b")); len(rest) != 1 || rest[0].Endpoint != "b" || attempts != 1 {
			t.Errorf("rest %v after %d attempts, want b after 1", rest, attempts)
		}
		<-time.After(2 * time.Minute)

		p.keep("3", time.Now().Add(time.Hour), nil)

		if len(p.entries) != 2 || p.order.Len() != 2 {
			t.Errorf("%d entries, %d in order, want 2", len(p.entries), p.order.Len())
		}
		p.forget("2")
		p.forget("3")
		p.forget("unknown")
		if len(p.entries) != 0 || p.order.Len() != 0 {
			t.Errorf("%d entries, %d in order, want none", len(p.entries), p.order.Len())
		}
	})
}

func TestProgressIsBounded(t *testing.T) {
	t.Parallel()
	p := newProgress()
	expires := time.Now().Add(time.Hour)
	for i := range maxUnfinished + 100 {
		p.keep(strconv.Itoa(i), expires, []device{deviceOf("a")})
	}
	if len(p.entries) != maxUnfinished || p.order.Len() != maxUnfinished {
		t.Errorf("%d entries, %d in order", len(p.entries), p.order.Len())
	}
	if rest, _ := p.rest("99", subscriptions("a")); len(rest) != 1 {
		t.Error("an old one is kept")
	}
	if rest, _ := p.rest("100", subscriptions("a")); len(rest) != 0 {
		t.Error("a late one is not kept")
	}
}

func TestProgressInParallel(t *testing.T) {
	t.Parallel()
	p := newProgress()
	var running sync.WaitGroup
	for i := range 16 {
		running.Go(func() {
			for round := range 200 {
				key := strconv.Itoa(round % 7)
				p.keep(key, time.Now().Add(time.Hour), []device{deviceOf(strconv.Itoa(i))})
				p.rest(key, subscriptions("0", "1", "2"))
				if round%3 == 0 {
					p.forget(key)
				}
			}
		})
	}
	running.Wait()
	if len(p.entries) != p.order.Len() {
		t.Errorf("%d entries, %d in order", len(p.entries), p.order.Len())
	}
}

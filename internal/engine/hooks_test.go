package engine

import (
	"strconv"
	"testing"

	"github.com/echo-pull/pull/internal/hub"
)

func TestHooksThatWaitAreBounded(t *testing.T) {
	h := newHooks(func(string) {}, func(string) {}, nil)
	for i := range 100_000 {
		h.notify([]hub.Change{{User: strconv.Itoa(i / 2 % 10), Online: i%2 == 0, Ours: true}})
	}
	if n := h.queue.Len(); n > cancelFrom+10 {
		t.Errorf("%d hooks wait, want about %d at most", n, cancelFrom)
	}
	last := map[string]bool{}
	for c, ok := h.next(); ok; c, ok = h.next() {
		if was, seen := last[c.User]; seen && was == c.Online {
			t.Fatalf("user %s has two changes in a row with online %t", c.User, c.Online)
		}
		last[c.User] = c.Online
	}
	for user, online := range last {
		if online {
			t.Errorf("the last change of user %s is online, want offline", user)
		}
	}
	if len(h.waiting) != 0 {
		t.Errorf("%d users are still in waiting, want none", len(h.waiting))
	}
}

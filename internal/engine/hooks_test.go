package engine

import (
	"strconv"
	"testing"

	"github.com/echo-pull/pull/internal/hub"
)

func TestHooksThatWaitAreBounded(t *testing.T) {
	h := newHooks(func(string) {}, func(string) {}, nil)
	for i := range 100_000 {
		h.tell([]hub.Change{{User: strconv.Itoa(i / 2 % 10), Online: i%2 == 0, Ours: true}})
	}
	if n := h.queue.Len(); n > manyHooks+10 {
		t.Errorf("%d hooks wait, want about %d at most", n, manyHooks)
	}
	last := map[string]bool{}
	for c, ok := h.take(); ok; c, ok = h.take() {
		if was, told := last[c.User]; told && was == c.Online {
			t.Fatalf("user %s is told twice that it is online %t", c.User, c.Online)
		}
		last[c.User] = c.Online
	}
	for user, online := range last {
		if online {
			t.Errorf("user %s was told of as online last, but has left", user)
		}
	}
	if len(h.waiting) != 0 {
		t.Errorf("%d users are kept", len(h.waiting))
	}
}

package pull

import (
	"strconv"
	"testing"
)

func TestHooksThatWaitAreBounded(t *testing.T) {
	h := newHooks(func(string) {}, func(string) {}, nil)
	for i := range 100_000 {
		h.tell([]change{{strconv.Itoa(i / 2 % 10), i%2 == 0, true}})
	}
	if n := h.queue.Len(); n > manyHooks+10 {
		t.Errorf("%d hooks wait, want about %d at most", n, manyHooks)
	}
	last := map[string]bool{}
	for c, ok := h.take(); ok; c, ok = h.take() {
		if was, told := last[c.user]; told && was == c.online {
			t.Fatalf("user %s is told twice that it is online %t", c.user, c.online)
		}
		last[c.user] = c.online
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

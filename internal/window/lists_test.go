package window

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

func TestListsBehaveLikeAMap(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 4))
		var l lists
		model := make(map[string][]uint64)
		size, renewed := 0, 0
		for offset := range uint64(60_000) {
			key := []byte(strconv.Itoa(r.IntN(4 * fewLists)))
			if grow := offset/10_000%2 == 0; grow || r.IntN(10) == 0 {
				size += l.add(key, offset)
				model[string(key)] = append(model[string(key)], offset)
			} else if list := model[string(key)]; len(list) > 0 {
				for _, offset := range list {
					size += l.remove(key, offset)
				}
				delete(model, string(key))
			}
			if l.old != nil {
				renewed++
			}
			if list := l.get(string(key)); (list == nil) != (model[string(key)] == nil) || list != nil && !slices.Equal(listed(list), model[string(key)]) {
				t.Fatalf("seed %d, step %d: got %v, want %v", seed, offset, list, model[string(key)])
			}
		}
		compareLists(t, seed, "list", &l, model)
		want := 0
		for key := range model {
			want += listBytes([]byte(key)) + offsetBytes*l.get(key).Room()
		}
		if size != want || renewed == 0 {
			t.Errorf("seed %d: got %d bytes, %d steps with two maps, want %d, and some", seed, size, renewed, want)
		}
	}
}

// Otherwise a burst to many users would take memory until the process ends.
func TestMapOfABurstIsGivenBack(t *testing.T) {
	const many = 100_000
	h := New(time.Second, many, 1<<30, envelope.Keys)
	for i := range many {
		h.add(event.User(strconv.Itoa(i)), 0, 1)
	}
	second := int64(time.Second)

	for i := range int64(100) { // as many as before the burst
		h.add(event.User("old"+strconv.Itoa(int(i%10))), 2*second, 1)
		h.Evict(3*second, 0)
	}

	if h.users.old != nil || h.users.most > 100 || h.users.len() != 10 {
		t.Errorf("%d users in a map for %d, want 10 in one of their own", h.users.len(), h.users.most)
	}
}

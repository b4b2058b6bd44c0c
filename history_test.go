package pull

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// to makes a message to a target, of so many bytes.
func to(t Target, at int64, size int) message {
	addr := appendTarget(nil, "", &t)
	return message{at: at, expires: 1 << 40, content: append(addr, make([]byte, size)...), head: len(addr)}
}

func TestWindowIsBounded(t *testing.T) {
	const second = int64(time.Second)
	plain := to(User("1"), 0, 0)
	head := plain.size()
	for _, test := range []struct {
		name    string
		history *history
		first   uint64 // after ten messages, one a second, of 100 bytes
	}{
		{"by nothing", newHistory(time.Hour, 100, 1<<20, envelope.Keys), 1},
		{"by age", newHistory(3*time.Second, 100, 1<<20, envelope.Keys), 7},
		{"by count", newHistory(time.Hour, 4, 1<<20, envelope.Keys), 7},
		{"by bytes", newHistory(time.Hour, 100, 4*(head+100), envelope.Keys), 7},
		{"by one byte less", newHistory(time.Hour, 100, 4*(head+100)-1, envelope.Keys), 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := test.history
			for i := range int64(10) {
				h.append(to(User("1"), i*second, 100), 0)
			}

			h.evict(9*second, 0)

			if h.from != test.first || h.last() != 10 {
				t.Errorf("got %d to %d, want %d to 10", h.from, h.last(), test.first)
			}
			if want := h.log.len() * (head + 100); h.size != want {
				t.Errorf("got %d bytes, want %d", h.size, want)
			}
			for offset := h.from; offset <= h.last(); offset++ {
				if got := h.at(offset).offset; got != offset {
					t.Errorf("at %d: got %d", offset, got)
				}
			}
		})
	}
}

func TestWindowCoversWhatFollowsItsCursor(t *testing.T) {
	h := newHistory(time.Hour, 3, 1<<20, envelope.Keys)
	for range 10 {
		h.append(to(Shared(), 0, 1), 0)
	}
	for offset, want := range map[uint64]bool{
		0: false, 6: false, 7: true, 9: true, 10: true, 11: false, 1 << 63: false, ^uint64(0): false,
	} {
		if got := h.covers(offset); got != want {
			t.Errorf("covers(%d): got %t, want %t: the window holds 8 to 10", offset, got, want)
		}
	}
}

func TestNewestMessageStaysWhateverItsSize(t *testing.T) {
	h := newHistory(time.Hour, 100, 10, envelope.Keys)

	h.append(to(User("1"), 0, 1000), 0)

	if h.log.len() != 1 || !h.covers(0) {
		t.Errorf("got %d messages, want the one that was appended", h.log.len())
	}
}

func TestIndexHoldsWhatTheWindowHolds(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		h := newHistory(time.Hour, 50, 1<<20, envelope.Keys)
		var log []Target // by offset, from 1 on
		for range 400 {
			target := randomTarget(r)
			log = append(log, target)
			h.append(to(target, 0, 1), 0)
		}
		users, tags, shared := indexOf(log, int(h.from))
		compareLists(t, seed, "user", h.users, users)
		compareLists(t, seed, "tag", h.tags, tags)
		if got := listed(&h.shared); !slices.Equal(got, shared) {
			t.Errorf("seed %d: shared: got %v, want %v", seed, got, shared)
		}
	}
}

func randomTarget(r *rand.Rand) Target {
	target := User(strconv.Itoa(r.IntN(9)), strconv.Itoa(r.IntN(9)))
	if r.IntN(3) == 0 {
		target = target.Or(Tag("T"+strconv.Itoa(r.IntN(3)), "T1"))
	}
	if r.IntN(5) == 0 {
		target = target.Or(Shared().Except("1"))
	}
	return target
}

// indexOf is the index, made by looking at everything.
func indexOf(log []Target, first int) (users, tags map[string][]uint64, shared []uint64) {
	users, tags = make(map[string][]uint64), make(map[string][]uint64)
	note := func(lists map[string][]uint64, key string, offset uint64) {
		if !slices.Contains(lists[key], offset) {
			lists[key] = append(lists[key], offset)
		}
	}
	for i := first; i <= len(log); i++ {
		target := log[i-1]
		for _, term := range append([]envelope.Term{target.first}, target.or...) {
			for _, user := range term.Users {
				note(users, user, uint64(i))
			}
			for _, tag := range term.Tags {
				note(tags, tag, uint64(i))
			}
			if term.Shared && !slices.Contains(shared, uint64(i)) {
				shared = append(shared, uint64(i))
			}
		}
	}
	return users, tags, shared
}

func listed(list *offsets) []uint64 {
	var all []uint64
	for i := range list.len() {
		all = append(all, *list.at(i))
	}
	return all
}

func compareLists(t *testing.T, seed uint64, what string, got map[string]*offsets, want map[string][]uint64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("seed %d: got %d %ss in the index, want %d", seed, len(got), what, len(want))
	}
	for key, list := range want {
		if got[key] == nil || !slices.Equal(listed(got[key]), list) {
			t.Errorf("seed %d: %s %s: got %v, want %v", seed, what, key, got[key], list)
		}
	}
}

func TestEmptyWindowHasAnEmptyIndex(t *testing.T) {
	h := newHistory(time.Minute, 100, 1<<20, envelope.Keys)
	for i := range 50 {
		h.append(to(User("1", strconv.Itoa(i)).Or(Tag("T")), 0, 10), 0)
	}

	h.evict(int64(time.Hour), 0)

	if len(h.users)+len(h.tags)+h.shared.len()+h.size+h.log.len() != 0 {
		t.Errorf("got %d users, %d tags, %d shared, %d bytes, %d messages, want none",
			len(h.users), len(h.tags), h.shared.len(), h.size, h.log.len())
	}
	if h.last() != 50 || !h.covers(50) || h.covers(49) {
		t.Errorf("got position %d, want 50 and nothing covered before it", h.last())
	}
}

func offsetsOf(list ...uint64) *offsets {
	d := new(offsets)
	for _, offset := range list {
		d.push(offset)
	}
	return d
}

func TestPickMergesEachOnce(t *testing.T) {
	for _, test := range []struct {
		name  string
		after uint64
		lists []*offsets
		want  []uint64
	}{
		{"no list", 0, nil, nil},
		{"one list", 2, []*offsets{offsetsOf(1, 2, 3, 9)}, []uint64{3, 9}},
		{"the end", 9, []*offsets{offsetsOf(1, 9)}, nil},
		{"merged", 0, []*offsets{offsetsOf(1, 4, 7), offsetsOf(2, 4, 8), offsetsOf()}, []uint64{1, 2, 4, 7, 8}},
		{"in between", 4, []*offsets{offsetsOf(1, 4, 7), offsetsOf(3, 5)}, []uint64{5, 7}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := pick(test.after, test.lists)

			if !slices.Equal(got.offsets, test.want) || !got.complete {
				t.Errorf("got %v, complete %t, want %v and complete", got.offsets, got.complete, test.want)
			}
		})
	}
}

// Pages of a selection put together are the whole, whatever the lists.
func TestPickPagesLeaveNothingOut(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		all := make(map[uint64]bool)
		var lists []*offsets
		for range 1 + r.IntN(4) {
			list := new(offsets)
			offset := uint64(r.IntN(1000))
			for range r.IntN(3 * pageOffsets) {
				offset += 1 + uint64(r.IntN(5))
				list.push(offset)
				all[offset] = true
			}
			lists = append(lists, list)
		}
		var got []uint64
		for after, complete := uint64(0), false; !complete; {
			page := pick(after, lists)
			got = append(got, page.offsets...)
			if after, complete = page.upTo, page.complete; len(page.offsets) > len(lists)*pageOffsets {
				t.Fatalf("seed %d: a page of %d", seed, len(page.offsets))
			}
		}
		if len(got) != len(all) || !slices.IsSorted(got) || len(slices.Compact(got)) != len(all) {
			t.Errorf("seed %d: got %d offsets, want the %d of the lists, ascending, each once", seed, len(got), len(all))
		}
	}
}

// BenchmarkPick shows that a replay for one user costs what it replays, not what
// the window holds.
func BenchmarkPick(b *testing.B) {
	for _, window := range []int{2_000, 100_000} {
		b.Run("window="+strconv.Itoa(window), func(b *testing.B) {
			h := newHistory(time.Hour, window, 1<<40, envelope.Keys)
			for i := range window {
				h.append(to(User(strconv.Itoa(i%100)), 0, 1), 0)
			}
			after := h.last() - 1000
			b.ReportAllocs()
			for b.Loop() {
				if n := len(pick(after, []*offsets{h.users["7"]}).offsets); n != 10 {
					b.Fatalf("got %d, want 10", n)
				}
			}
		})
	}
}

// Control messages take no place: they push nothing out, and nothing is wrong
// about where the others are.
func TestControlMessagesTakeNoPlaceInTheWindow(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 3))
		h := newHistory(time.Hour, 50, 1<<20, envelope.Keys)
		var events []uint64
		for range 2000 {
			if r.IntN(20) < int(seed%20) {
				h.skip(0)
				continue
			}
			events = append(events, h.next())
			h.append(to(User("1"), 0, 1), 0)
		}
		kept := events[max(0, len(events)-50):]
		if h.log.len() != len(kept) || h.last() != 2000 {
			t.Fatalf("seed %d: got %d messages up to %d, want %d up to 2000", seed, h.log.len(), h.last(), len(kept))
		}
		for _, offset := range kept {
			if got := h.at(offset).offset; got != offset {
				t.Fatalf("seed %d: at %d: got %d", seed, offset, got)
			}
		}
		for offset := h.from - 1; offset <= h.last(); offset++ {
			want := kept[slices.IndexFunc(append(kept, 1<<60), func(o uint64) bool { return o > offset })%len(kept):]
			if offset >= kept[len(kept)-1] {
				want = nil
			}
			if got := h.after(offset).offsets; !slices.Equal(got, want) {
				t.Fatalf("seed %d: after %d: got %v, want %v", seed, offset, got, want)
			}
		}
	}
}

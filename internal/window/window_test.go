package window

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// add appends a message to a target, sent at a time in unix nanoseconds, with a
// body of size bytes.
func (w *Window) add(t event.Target, at int64, size int) {
	m := to(t, at, size)
	w.Append(m, at, at)
}

// to returns a message to a target with a body of size bytes.
func to(t event.Target, at int64, size int) Message {
	addr := event.AppendTarget(nil, "", &t)
	raw := binary.AppendUvarint(envelope.AppendHeader(nil, envelope.KindEvent, time.Unix(0, at)), 1<<40)
	return NewMessage(slices.Concat(raw, addr, make([]byte, size)), len(addr), size)
}

func TestWindowIsBounded(t *testing.T) {
	const second = int64(time.Second)
	one := to(event.User("1"), 0, 100)
	message, list := one.size(), listBytes([]byte("1"))
	four := 4*message + list + 7*offsetBytes // the list has had room for the fifth
	for _, test := range []struct {
		name    string
		history *Window
		first   uint64 // after ten messages, one a second, of 100 bytes
	}{
		{"by nothing", New(time.Hour, 100, 1<<20, envelope.Keys), 1},
		{"by age", New(3*time.Second, 100, 1<<20, envelope.Keys), 7},
		{"by count", New(time.Hour, 4, 1<<20, envelope.Keys), 7},
		{"by bytes", New(time.Hour, 100, four, envelope.Keys), 7},
		{"by one byte less", New(time.Hour, 100, four-1, envelope.Keys), 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := test.history
			for i := range int64(10) {
				h.add(event.User("1"), i*second, 100)
			}

			h.Evict(9*second, 0)

			if h.from != test.first || h.Last() != 10 {
				t.Errorf("got %d to %d, want %d to 10", h.from, h.Last(), test.first)
			}
			if want := h.log.Len()*message + list + offsetBytes*h.OfUser("1").Room(); h.size != want {
				t.Errorf("got %d bytes, want %d", h.size, want)
			}
			for offset := h.from; offset <= h.Last(); offset++ {
				if got := h.At(offset).Offset; got != offset {
					t.Errorf("at %d: got %d", offset, got)
				}
			}
		})
	}
}

// What a burst has left becomes old at once. The next message must not wait for all
// of it to be dropped.
func TestMessageAfterABurstEvictsLittleOfIt(t *testing.T) {
	const hour = int64(time.Hour)
	w := New(time.Minute, 10_000, 1<<30, envelope.Keys)
	for range 1000 {
		w.add(event.User("1"), 0, 10)
	}

	w.Append(to(event.User("1"), hour, 10), hour, hour)

	if got := w.Len(); got != 1001-agedPerAppend {
		t.Errorf("%d messages are left after one more, want %d", got, 1001-agedPerAppend)
	}
	if more := w.Evict(hour, 0); more || w.Len() != 1 {
		t.Errorf("%d messages are left, want the new one", w.Len())
	}
}

func TestMessagesBecomeOldAlthoughTheClockWasSetBack(t *testing.T) {
	const second = int64(time.Second)
	w := New(time.Minute, 100, 1<<20, envelope.Keys)
	for range 10 {
		w.add(event.User("1"), 1_000_000*second, 10)
	}
	w.add(event.User("1"), 10*second, 10)

	if w.Evict(60*second, 0); w.Len() != 11 {
		t.Errorf("%d messages are left after 50 s, want 11", w.Len())
	}
	if w.Evict(71*second, 0); w.Len() != 0 {
		t.Errorf("%d messages are left after 61 s, want none", w.Len())
	}
}

// Nothing drifts: when the window is empty again, it counts no bytes, whatever has
// passed through it.
func TestEmptyWindowHasNoBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	w := New(time.Minute, 2000, 300_000, envelope.Keys)
	for range 50_000 {
		user := strconv.Itoa(r.IntN(3000))
		target := event.User(user, "1").Or(event.Tag("T"+user, "T"+user, "U")).Or(event.User(user))
		if r.IntN(50) == 0 {
			target = event.Shared()
		}
		w.add(target, 0, r.IntN(100))
		if r.IntN(5000) == 0 {
			w.Evict(int64(time.Hour), r.IntN(2))
		}
	}

	w.Evict(int64(time.Hour), 0)

	if w.Size() != 0 || w.Len() != 0 {
		t.Errorf("%d messages of %d bytes are left, want none", w.Len(), w.Size())
	}
}

func TestWindowCoversWhatFollowsItsCursor(t *testing.T) {
	h := New(time.Hour, 3, 1<<20, envelope.Keys)
	for range 10 {
		h.add(event.Shared(), 0, 1)
	}
	for offset, want := range map[uint64]bool{
		0: false, 6: false, 7: true, 9: true, 10: true, 11: false, 1 << 63: false, ^uint64(0): false,
	} {
		if got := h.Covers(offset); got != want {
			t.Errorf("Covers(%d): got %t, want %t: the window holds 8 to 10", offset, got, want)
		}
	}
}

func TestNewestMessageStaysWhateverItsSize(t *testing.T) {
	h := New(time.Hour, 100, 10, envelope.Keys)

	h.add(event.User("1"), 0, 1000)

	if h.log.Len() != 1 || !h.Covers(0) {
		t.Errorf("got %d messages, want the one that was appended", h.log.Len())
	}
}

func TestIndexHoldsWhatTheWindowHolds(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		h := New(time.Hour, 50, 1<<20, envelope.Keys)
		var log []event.Target // by offset, from 1 on
		for range 400 {
			target := randomTarget(r)
			log = append(log, target)
			h.add(target, 0, 1)
		}
		users, tags, shared := indexOf(log, int(h.from))
		compareLists(t, seed, "user", &h.users, users)
		compareLists(t, seed, "tag", &h.tags, tags)
		if got := listed(&h.shared); !slices.Equal(got, shared) {
			t.Errorf("seed %d: shared: got %v, want %v", seed, got, shared)
		}
	}
}

func randomTarget(r *rand.Rand) event.Target {
	target := event.User(strconv.Itoa(r.IntN(9)), strconv.Itoa(r.IntN(9)))
	if r.IntN(3) == 0 {
		target = target.Or(event.Tag("T"+strconv.Itoa(r.IntN(3)), "T1"))
	}
	if r.IntN(5) == 0 {
		target = target.Or(event.Shared().Except("1"))
	}
	return target
}

// indexOf computes the index from the whole log.
func indexOf(log []event.Target, first int) (users, tags map[string][]uint64, shared []uint64) {
	users, tags = make(map[string][]uint64), make(map[string][]uint64)
	note := func(lists map[string][]uint64, key string, offset uint64) {
		if !slices.Contains(lists[key], offset) {
			lists[key] = append(lists[key], offset)
		}
	}
	for i := first; i <= len(log); i++ {
		target := log[i-1]
		for term := range envelope.Address(event.AppendTarget(nil, "", &target)).Terms() {
			for user := range term.Users.All() {
				note(users, string(user), uint64(i))
			}
			for tag := range term.Tags.All() {
				note(tags, string(tag), uint64(i))
			}
			if term.Shared && !slices.Contains(shared, uint64(i)) {
				shared = append(shared, uint64(i))
			}
		}
	}
	return users, tags, shared
}

func listed(list *Offsets) []uint64 {
	var all []uint64
	for i := range list.Len() {
		all = append(all, *list.At(i))
	}
	return all
}

// len returns the number of lists.
func (l *lists) len() int { return len(l.now) + len(l.old) }

func compareLists(t *testing.T, seed uint64, what string, got *lists, want map[string][]uint64) {
	t.Helper()
	if n := got.len(); n != len(want) {
		t.Errorf("seed %d: got %d %ss in the index, want %d", seed, n, what, len(want))
	}
	for key, list := range want {
		if got.get(key) == nil || !slices.Equal(listed(got.get(key)), list) {
			t.Errorf("seed %d: %s %s: got %v, want %v", seed, what, key, got.get(key), list)
		}
	}
}

func TestEmptyWindowHasAnEmptyIndex(t *testing.T) {
	h := New(time.Minute, 100, 1<<20, envelope.Keys)
	for i := range 50 {
		h.add(event.User("1", strconv.Itoa(i)).Or(event.Tag("T")), 0, 10)
	}

	h.Evict(int64(time.Hour), 0)

	if h.users.len()+h.tags.len()+h.shared.Len()+h.size+h.log.Len() != 0 {
		t.Errorf("got %d users, %d tags, %d shared, %d bytes, %d messages, want none",
			h.users.len(), h.tags.len(), h.shared.Len(), h.size, h.log.Len())
	}
	if h.Last() != 50 || !h.Covers(50) || h.Covers(49) {
		t.Errorf("got last offset %d, want 50 and nothing covered before it", h.Last())
	}
}

func offsetsOf(list ...uint64) *Offsets {
	d := new(Offsets)
	for _, offset := range list {
		d.Push(offset)
	}
	return d
}

func TestPickMergesEachOnce(t *testing.T) {
	for _, test := range []struct {
		name  string
		after uint64
		lists []*Offsets
		want  []uint64
	}{
		{"no list", 0, nil, nil},
		{"one list", 2, []*Offsets{offsetsOf(1, 2, 3, 9)}, []uint64{3, 9}},
		{"the end", 9, []*Offsets{offsetsOf(1, 9)}, nil},
		{"merged", 0, []*Offsets{offsetsOf(1, 4, 7), offsetsOf(2, 4, 8), offsetsOf()}, []uint64{1, 2, 4, 7, 8}},
		{"in between", 4, []*Offsets{offsetsOf(1, 4, 7), offsetsOf(3, 5)}, []uint64{5, 7}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Pick(test.after, test.lists)

			if !slices.Equal(got.Offsets, test.want) || !got.Complete {
				t.Errorf("got %v, complete %t, want %v and complete", got.Offsets, got.Complete, test.want)
			}
		})
	}
}

// Successive selections together contain all offsets of the lists.
func TestPickPagesLeaveNothingOut(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 2))
		all := make(map[uint64]bool)
		var lists []*Offsets
		for range 1 + r.IntN(4) {
			list := new(Offsets)
			offset := uint64(r.IntN(1000))
			for range r.IntN(3 * MaxSelection) {
				offset += 1 + uint64(r.IntN(5))
				list.Push(offset)
				all[offset] = true
			}
			lists = append(lists, list)
		}
		var got []uint64
		for after, complete := uint64(0), false; !complete; {
			page := Pick(after, lists)
			got = append(got, page.Offsets...)
			if after, complete = page.UpTo, page.Complete; len(page.Offsets) > len(lists)*MaxSelection {
				t.Fatalf("seed %d: a page of %d", seed, len(page.Offsets))
			}
		}
		if len(got) != len(all) || !slices.IsSorted(got) || len(slices.Compact(got)) != len(all) {
			t.Errorf("seed %d: got %d offsets, want the %d of the lists, ascending, each once", seed, len(got), len(all))
		}
	}
}

// BenchmarkPick shows that the cost of a replay for one user depends on the
// number of replayed messages, not on the size of the window.
func BenchmarkPick(b *testing.B) {
	for _, window := range []int{2_000, 100_000} {
		b.Run("window="+strconv.Itoa(window), func(b *testing.B) {
			h := New(time.Hour, window, 1<<40, envelope.Keys)
			for i := range window {
				h.add(event.User(strconv.Itoa(i%100)), 0, 1)
			}
			after := h.Last() - 1000
			b.ReportAllocs()
			for b.Loop() {
				if n := len(Pick(after, []*Offsets{h.OfUser("7")}).Offsets); n != 10 {
					b.Fatalf("got %d, want 10", n)
				}
			}
		})
	}
}

// Control messages evict nothing, and the other messages are still found at
// their offsets.
func TestControlMessagesTakeNoPlaceInTheWindow(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 3))
		h := New(time.Hour, 50, 1<<20, envelope.Keys)
		var events []uint64
		for range 2000 {
			if r.IntN(20) < int(seed%20) {
				h.Skip(0)
				continue
			}
			events = append(events, h.Next())
			h.add(event.User("1"), 0, 1)
		}
		kept := events[max(0, len(events)-50):]
		if h.log.Len() != len(kept) || h.Last() != 2000 {
			t.Fatalf("seed %d: got %d messages up to %d, want %d up to 2000", seed, h.log.Len(), h.Last(), len(kept))
		}
		for _, offset := range kept {
			if got := h.At(offset).Offset; got != offset {
				t.Fatalf("seed %d: at %d: got %d", seed, offset, got)
			}
		}
		for offset := h.from - 1; offset <= h.Last(); offset++ {
			want := kept[slices.IndexFunc(append(kept, 1<<60), func(o uint64) bool { return o > offset })%len(kept):]
			if offset >= kept[len(kept)-1] {
				want = nil
			}
			if got := h.After(offset).Offsets; !slices.Equal(got, want) {
				t.Fatalf("seed %d: after %d: got %v, want %v", seed, offset, got, want)
			}
		}
	}
}

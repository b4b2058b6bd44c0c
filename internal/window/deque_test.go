package window

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestDequeBehavesLikeASlice(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 0))
		var d Deque[int]
		var model []int
		for i := range 2000 {
			// The deque grows, slides, and shrinks until it is empty.
			if share := []int{70, 50, 30}[i/100%3]; r.IntN(100) < share {
				d.Push(i)
				model = append(model, i)
			} else if len(model) > 0 {
				if got, want := d.Pop(), model[0]; got != want {
					t.Fatalf("seed %d, step %d: got %d, want %d", seed, i, got, want)
				}
				model = model[1:]
			}
			if got := contents(&d); !slices.Equal(got, model) {
				t.Fatalf("seed %d, step %d: got %v, want %v", seed, i, got, model)
			}
		}
	}
}

// A ring that wraps around, or not, is followed by chunks, and they by a ring.
func TestDequeKeepsItsOrderAtTheBordersOfChunks(t *testing.T) {
	for _, most := range []int{chunkItems - 1, chunkItems, chunkItems + 1, 2*chunkItems - 1, 2 * chunkItems, 2*chunkItems + 1, 3*chunkItems + 7} {
		for _, turned := range []int{0, 1, chunkItems / 2, chunkItems - 1} {
			var d Deque[int]
			next, first := 0, 0
			push := func() { d.Push(next); next++ }
			pop := func() {
				if got := d.Pop(); got != first {
					t.Fatalf("up to %d after %d: popped %d, want %d", most, turned, got, first)
				}
				first++
			}
			for range turned {
				push()
			}
			for range turned {
				push()
				pop()
			}
			for _, n := range []int{most, 0, most, most / 2, most, 1} {
				for d.Len() < n {
					push()
				}
				for d.Len() > n {
					pop()
				}
				for i := range n {
					if got := *d.At(i); got != first+i {
						t.Fatalf("up to %d after %d: at %d of %d: got %d, want %d", most, turned, i, n, got, first+i)
					}
				}
				if d.Len() != next-first {
					t.Fatalf("up to %d after %d: length %d, want %d", most, turned, d.Len(), next-first)
				}
			}
		}
	}
}

func contents(d *Deque[int]) []int {
	var list []int
	for i := range d.Len() {
		list = append(list, *d.At(i))
	}
	return list
}

func TestDequeForgetsWhatItPopped(t *testing.T) {
	for _, n := range []int{100, 2 * chunkItems} {
		var d Deque[*int]
		for range n {
			d.Push(new(int))
		}
		for range n * 6 / 10 {
			d.Pop()
		}
		d.Push(new(int))

		places := slices.Clone(d.ring)
		if d.more != nil {
			places = append(places, d.more.spare[:cap(d.more.spare)]...)
			for _, chunk := range d.more.chunks {
				places = append(places, chunk[:cap(chunk)]...)
			}
		}
		live := len(slices.DeleteFunc(places, func(p *int) bool { return p == nil }))
		if live != d.Len() {
			t.Errorf("got %d pointers kept, want %d", live, d.Len())
		}
	}
}

func TestSlidingDequeDoesNotAllocate(t *testing.T) {
	for _, n := range []int{1, 10, chunkItems, 5*chunkItems + 1} {
		var d Deque[int]
		for i := range n {
			d.Push(i)
		}
		slide := func() {
			for i := range 4 * chunkItems {
				d.Push(i)
				d.Pop()
			}
		}
		slide()

		if got := testing.AllocsPerRun(10, slide); got > 0 {
			t.Errorf("a deque of %d makes %v allocations, want none", n, got)
		}
	}
}

// The largest step is the only one that a caller under a lock may notice.
func TestDequeGrowsByAChunkAtMost(t *testing.T) {
	var d Deque[[48]byte]
	for i := range 50 * chunkItems {
		before := d.Room()
		d.Push([48]byte{})
		if grown := d.Room() - before; grown > chunkItems {
			t.Fatalf("push %d made room for %d, want %d at most", i, grown, chunkItems)
		}
	}
	if kept, room := d.more.chunks[0], d.Room(); &kept[0] != d.At(chunkItems) || room != 50*chunkItems {
		t.Errorf("room for %d, or the items have moved; want %d", room, 50*chunkItems)
	}
}

func TestDequeThatEmptiesGivesItsMemoryBack(t *testing.T) {
	for _, n := range []int{40, chunkItems, 20 * chunkItems} {
		var d Deque[int]
		for i := range n {
			d.Push(i)
		}
		for range n {
			d.Pop()
		}
		if d.Room() > smallRing {
			t.Errorf("an empty deque has room for %d, want %d at most", d.Room(), smallRing)
		}
	}
}

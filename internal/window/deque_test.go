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
			// It grows, and slides, and shrinks to nothing.
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

func contents(d *Deque[int]) []int {
	var list []int
	for i := range d.Len() {
		list = append(list, *d.At(i))
	}
	return list
}

func TestDequeForgetsWhatItPopped(t *testing.T) {
	var d Deque[*int]
	for range 100 {
		d.Push(new(int))
	}

	for range 60 {
		d.Pop()
	}
	d.Push(new(int))

	live := 0
	for _, p := range d.items[:cap(d.items)] {
		if p != nil {
			live++
		}
	}
	if live != d.Len() {
		t.Errorf("got %d pointers kept, want %d", live, d.Len())
	}
}

func TestSlidingDequeDoesNotGrow(t *testing.T) {
	var d Deque[int]
	for i := range 1000 {
		d.Push(i)
	}
	slide := func() {
		for i := range 10_000 {
			d.Push(i)
			d.Pop()
		}
	}
	slide()
	room := cap(d.items)

	slide()

	if cap(d.items) != room {
		t.Errorf("got room for %d, want %d as before", cap(d.items), room)
	}
}

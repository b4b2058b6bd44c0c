package pull

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestDequeBehavesLikeASlice(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 0))
		var d deque[int]
		var model []int
		for i := range 2000 {
			// It grows, and slides, and shrinks to nothing.
			if share := []int{70, 50, 30}[i/100%3]; r.IntN(100) < share {
				d.push(i)
				model = append(model, i)
			} else if len(model) > 0 {
				if got, want := d.pop(), model[0]; got != want {
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

func contents(d *deque[int]) []int {
	var list []int
	for i := range d.len() {
		list = append(list, *d.at(i))
	}
	return list
}

func TestDequeForgetsWhatItPopped(t *testing.T) {
	var d deque[*int]
	for range 100 {
		d.push(new(int))
	}

	for range 60 {
		d.pop()
	}
	d.push(new(int))

	live := 0
	for _, p := range d.items[:cap(d.items)] {
		if p != nil {
			live++
		}
	}
	if live != d.len() {
		t.Errorf("got %d pointers kept, want %d", live, d.len())
	}
}

func TestSlidingDequeDoesNotGrow(t *testing.T) {
	var d deque[int]
	for i := range 1000 {
		d.push(i)
	}
	slide := func() {
		for i := range 10_000 {
			d.push(i)
			d.pop()
		}
	}
	slide()
	room := cap(d.items)

	slide()

	if cap(d.items) != room {
		t.Errorf("got room for %d, want %d as before", cap(d.items), room)
	}
}

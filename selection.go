package pull

import (
	"container/heap"
	"math"
	"sort"
)

// A selection is the beginning of what some lists hold after an offset.
type selection struct {
	offsets  []uint64 // ascending, each once
	complete bool     // nothing follows in any of the lists
	upTo     uint64   // there is nothing else in the lists up to here
}

// pageOffsets bounds how many offsets a selection holds.
const pageOffsets = 1024

// pick merges what the lists hold after an offset. It costs a look at each list
// and what it returns, whatever the window holds.
func pick(after uint64, lists []*offsets) selection {
	var m merge
	found := 0
	for _, list := range lists {
		n := list.len()
		if at := sort.Search(n, func(i int) bool { return *list.at(i) > after }); at < n {
			m = append(m, tail{list, at})
			found += n - at
		}
	}
	heap.Init(&m)
	s := selection{upTo: after, offsets: make([]uint64, 0, min(found, pageOffsets))}
	for len(m) > 0 && len(s.offsets) < pageOffsets {
		if offset := m[0].offset(); offset != s.upTo {
			s.offsets = append(s.offsets, offset)
			s.upTo = offset
		}
		m.next()
	}
	if s.complete = len(m) == 0; s.complete {
		s.upTo = math.MaxUint64
	}
	return s
}

// after selects whatever follows an offset that the window covers.
func (h *history) after(offset uint64) selection {
	from := h.indexAfter(offset)
	to := min(h.log.len(), from+pageOffsets)
	s := selection{complete: to == h.log.len(), upTo: offset}
	for i := from; i < to; i++ {
		s.upTo = h.log.at(i).offset
		s.offsets = append(s.offsets, s.upTo)
	}
	return s
}

// A tail is what is left of a list.
type tail struct {
	list *offsets
	at   int // index of its first
}

func (t *tail) offset() uint64 { return *t.list.at(t.at) }

// A merge is a heap of tails, the one with the lowest offset first.
type merge []tail

// next moves on to the next offset.
func (m *merge) next() {
	first := &(*m)[0]
	switch first.at++; {
	case first.at == first.list.len():
		heap.Pop(m)
	case len(*m) > 1:
		heap.Fix(m, 0)
	}
}

func (m *merge) Len() int           { return len(*m) }
func (m *merge) Less(i, j int) bool { return (*m)[i].offset() < (*m)[j].offset() }
func (m *merge) Swap(i, j int)      { (*m)[i], (*m)[j] = (*m)[j], (*m)[i] }
func (m *merge) Push(x any)         { *m = append(*m, x.(tail)) } //nolint:forcetypeassert // of heap.Interface
func (m *merge) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

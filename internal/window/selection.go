package window

import (
	"container/heap"
	"math"
	"sort"
)

// A Selection is the beginning of what some lists hold after an offset.
type Selection struct {
	Offsets  []uint64 // ascending, each once
	Complete bool     // nothing follows in any of the lists
	UpTo     uint64   // there is nothing else in the lists up to here
}

// PageOffsets bounds how many offsets a selection holds.
const PageOffsets = 1024

// Pick merges what the lists hold after an offset. It costs a look at each list
// and what it returns, whatever the window holds.
func Pick(after uint64, lists []*Offsets) Selection {
	var m merge
	found := 0
	for _, list := range lists {
		n := list.Len()
		if at := sort.Search(n, func(i int) bool { return *list.At(i) > after }); at < n {
			m = append(m, tail{list, at})
			found += n - at
		}
	}
	heap.Init(&m)
	s := Selection{UpTo: after, Offsets: make([]uint64, 0, min(found, PageOffsets))}
	for len(m) > 0 && len(s.Offsets) < PageOffsets {
		if offset := m[0].offset(); offset != s.UpTo {
			s.Offsets = append(s.Offsets, offset)
			s.UpTo = offset
		}
		m.next()
	}
	if s.Complete = len(m) == 0; s.Complete {
		s.UpTo = math.MaxUint64
	}
	return s
}

// After selects whatever follows an offset that the window covers.
func (w *Window) After(offset uint64) Selection {
	from := w.indexAfter(offset)
	to := min(w.log.Len(), from+PageOffsets)
	s := Selection{Complete: to == w.log.Len(), UpTo: offset}
	for i := from; i < to; i++ {
		s.UpTo = w.log.At(i).Offset
		s.Offsets = append(s.Offsets, s.UpTo)
	}
	return s
}

// A tail is what is left of a list.
type tail struct {
	list *Offsets
	at   int // index of its first
}

func (t *tail) offset() uint64 { return *t.list.At(t.at) }

// A merge is a heap of tails, the one with the lowest offset first.
type merge []tail

// next moves on to the next offset.
func (m *merge) next() {
	first := &(*m)[0]
	switch first.at++; {
	case first.at == first.list.Len():
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

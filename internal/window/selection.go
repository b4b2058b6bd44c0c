package window

import (
	"container/heap"
	"math"
	"sort"
)

// A Selection holds the first offsets after a position in some lists.
type Selection struct {
	Offsets  []uint64 // ascending, each once
	Complete bool     // the lists contain no offset after these
	UpTo     uint64   // the selection is complete up to this offset
}

// MaxSelection is the largest number of offsets in a selection.
const MaxSelection = 1024

// Pick merges the offsets after a position from several lists. Its cost depends
// on the number of lists and of returned offsets, not on the size of the
// window.
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
	s := Selection{UpTo: after, Offsets: make([]uint64, 0, min(found, MaxSelection))}
	for len(m) > 0 && len(s.Offsets) < MaxSelection {
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

// After selects all messages after an offset, which the window must cover.
func (w *Window) After(offset uint64) Selection {
	from := w.indexAfter(offset)
	to := min(w.log.Len(), from+MaxSelection)
	s := Selection{Complete: to == w.log.Len(), UpTo: offset}
	for i := from; i < to; i++ {
		s.UpTo = w.log.At(i).Offset
		s.Offsets = append(s.Offsets, s.UpTo)
	}
	return s
}

// A tail is the rest of a list.
type tail struct {
	list *Offsets
	at   int // index of its first offset
}

func (t *tail) offset() uint64 { return *t.list.At(t.at) }

// A merge is a heap of tails. The tail with the lowest offset comes first.
type merge []tail

// next advances the first tail by one offset.
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

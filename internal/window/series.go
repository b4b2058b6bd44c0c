package window

import "sort"

// A Series is the name of a series: of its messages, a page that reads the window gets
// only the last one that is for it.
type Series = [16]byte

// series are the messages of the window that are part of one, ascending.
type series struct {
	members Deque[member]
	last    map[Series]uint64 // offset of the last message of each series
}

// A member is a message of a series.
type member struct {
	offset uint64
	next   uint64 // offset of the next message of the series; 0 if there is none
	series Series
}

// memberBytes is what the window keeps for a message of a series: its member, and a
// slot of the map.
const memberBytes = 32 + 38

// JoinSeries makes the newest message part of a series. It is called right after
// Append.
func (w *Window) JoinSeries(name Series) {
	s, offset := &w.series, w.Last()
	if before := s.at(s.last[name]); before != nil {
		before.next = offset
	}
	if s.last == nil {
		s.last = make(map[Series]uint64)
	}
	s.last[name] = offset
	s.members.Push(member{offset: offset, series: name})
	w.size += memberBytes
}

// NextInSeries returns the offset of the message that follows one in its series, or 0
// if there is none.
func (w *Window) NextInSeries(offset uint64) uint64 {
	if m := w.series.at(offset); m != nil {
		return m.next
	}
	return 0
}

// at returns the message at an offset, or nil if it is not part of a series.
func (s *series) at(offset uint64) *member {
	n := s.members.Len()
	if i := sort.Search(n, func(i int) bool { return s.members.At(i).offset >= offset }); i < n && s.members.At(i).offset == offset {
		return s.members.At(i)
	}
	return nil
}

// leaveSeries removes the oldest message of the window from its series, if it has one.
func (w *Window) leaveSeries(offset uint64) {
	s := &w.series
	if s.members.Len() == 0 || s.members.At(0).offset != offset {
		return
	}
	m := s.members.Pop()
	w.size -= memberBytes
	if m.next == 0 {
		delete(s.last, m.series)
	}
	if s.members.Len() == 0 {
		*s = series{} // a map never shrinks
	}
}

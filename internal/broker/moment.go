package broker

import "time"

// A moment is when a message entered the log, and those after it, up to the next
// moment. There is one a second at most.
type moment struct {
	first uint64 // offset of the message
	at    int64  // unix nanoseconds
}

const betweenMoments = time.Second

// addMoment records when the next message enters the log. The caller holds mu.
func (m *Memory) addMoment(at int64) {
	n := m.moments.Len()
	if n == 0 {
		m.moments.Push(moment{m.next, at})
		return
	}
	switch since := at - m.moments.At(n-1).at; {
	case since >= int64(betweenMoments):
		m.moments.Push(moment{m.next, at})
	case since <= -int64(betweenMoments):
		m.setBack(at)
	}
}

// setBack corrects the moments after the clock was set back: none can be later than
// now. The caller holds mu.
func (m *Memory) setBack(now int64) {
	for i := m.moments.Len() - 1; i >= 0 && m.moments.At(i).at > now; i-- {
		m.moments.At(i).at = now
	}
}

// since returns the offset from which on the log has all messages that entered
// it at a time or later. The caller holds mu.
func (m *Memory) since(at int64) uint64 {
	offset := m.next
	for i := m.moments.Len(); i > 0 && m.moments.At(i-1).at > at-int64(betweenMoments); i-- {
		offset = m.moments.At(i - 1).first
	}
	return max(offset, m.first())
}

// startsBefore reports whether the first message entered the log before a time.
// The caller holds mu.
func (m *Memory) startsBefore(at int64) bool {
	return m.moments.At(0).at < at-int64(betweenMoments)
}

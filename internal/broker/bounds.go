package broker

import "time"

// trim drops the oldest messages until the log is within Count and Bytes.
// Transient messages take no room from others: they are removed first, and
// then only occupy an offset. Then trim drops what is no longer needed, but no
// more than most messages, and reports whether there may be more. The caller
// holds mu.
func (m *Memory) trim(now int64, most int) (more bool) {
	count, bytes := m.Count, m.Bytes
	if count <= 0 {
		count = DefaultCount
	}
	if bytes <= 0 {
		bytes = DefaultBytes
	}
	m.removeControls(bytes / 4)
	for m.count > count || m.bytes > bytes && m.count > 1 || m.records.Len()/placesPerMessage > count {
		m.pop()
	}
	read := m.read()
	for ; m.records.Len() > 0 && m.first() < read && m.isDone(now); most-- {
		if most == 0 {
			return true
		}
		m.pop()
	}
	return false
}

// placesPerMessage bounds the length of the log including the removed messages,
// as a multiple of Count.
const placesPerMessage = 8

// trimStep bounds how much of what is no longer needed is dropped in one step.
const trimStep = 1000

// Trim drops some of what the log no longer needs, and reports whether there may
// be more. One call holds the lock only for a short time. Publish does the same,
// but a log that gets no messages has to be trimmed by its owner.
func Trim(m *Memory, now time.Time) (more bool) {
	m.mu.Lock()
	defer m.mu.Unlock()

	return m.trim(now.UnixNano(), trimStep)
}

// isDone reports whether the first message is no longer needed, once all
// followers have read it. The caller holds mu.
func (m *Memory) isDone(now int64) bool {
	if m.needed != nil && m.first() < m.needed.Load() {
		return true
	}
	return m.Age > 0 && m.startsBefore(now-int64(m.Age))
}

// read returns the offset before which all followers have read everything. The
// caller holds mu.
func (m *Memory) read() uint64 {
	read := m.next
	for _, f := range m.followers {
		read = min(read, f.next)
	}
	return read
}

// removeControls removes the oldest transient messages that all followers have
// read, until the size of the rest is within most bytes.
func (m *Memory) removeControls(most int) {
	if m.controlBytes <= most || len(m.followers) == 0 {
		return
	}
	for read := m.read(); m.controlBytes > most && m.controls.Len() > 0 && m.controls.At(0).offset < read; {
		m.popControl()
	}
}

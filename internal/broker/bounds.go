package broker

// trim drops the oldest messages until the log is within its bounds. Transient
// messages take no room from others: they are emptied first, and then only
// occupy an offset. The caller holds mu.
func (m *Memory) trim() {
	count, bytes := m.Count, m.Bytes
	if count <= 0 {
		count = DefaultCount
	}
	if bytes <= 0 {
		bytes = DefaultBytes
	}
	m.emptyTransient(bytes / 4)
	for m.lastingUsage.count > count || m.lastingUsage.bytes > bytes && m.lastingUsage.count > 1 || m.log.Len()/placesPerMessage > count {
		message := m.log.Pop().message
		m.usageOf(message).add(-1, -len(message))
	}
}

// A usage is a number of messages and their size.
type usage struct{ count, bytes int }

func (u *usage) add(count, bytes int) { u.count, u.bytes = u.count+count, u.bytes+bytes }

// placesPerMessage bounds the length of the log including the emptied messages,
// as a multiple of Count.
const placesPerMessage = 8

// push appends a record. The caller holds mu.
func (m *Memory) push(r record) {
	m.log.Push(r)
	m.usageOf(r.message).add(1, len(r.message))
	m.next++
}

// usageOf returns the usage to which a message counts.
func (m *Memory) usageOf(message []byte) *usage {
	if m.transient != nil && (len(message) == 0 || m.transient(message)) {
		return &m.transientUsage
	}
	return &m.lastingUsage
}

// emptyTransient removes the content of the oldest transient messages that all
// followers have read, until their size is within most bytes.
func (m *Memory) emptyTransient(most int) {
	if m.transientUsage.bytes <= most || len(m.followers) == 0 {
		return
	}
	read := m.next
	for _, next := range m.followers {
		read = min(read, next)
	}
	for m.emptiedTo = max(m.emptiedTo, m.first()); m.emptiedTo < read && m.transientUsage.bytes > most; m.emptiedTo++ {
		r := m.log.At(int(m.emptiedTo - m.first())) //nolint:gosec // an index
		if u := m.usageOf(r.message); u == &m.transientUsage {
			u.bytes -= len(r.message)
			r.message = nil
		}
	}
}

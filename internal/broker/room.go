package broker

// trim drops the oldest messages that there is no room for. What passes takes no
// room from what lasts: it is emptied first, and holds only its place then.
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

// A usage is of messages.
type usage struct{ count, bytes int }

func (w *usage) add(count, bytes int) { w.count, w.bytes = w.count+count, w.bytes+bytes }

// placesPerMessage bounds the log with the messages that are empty.
const placesPerMessage = 8

func (m *Memory) push(r record) {
	m.log.Push(r)
	m.usageOf(r.message).add(1, len(r.message))
	m.next++
}

// usageOf returns what a message counts to.
func (m *Memory) usageOf(message []byte) *usage {
	if m.transient != nil && (len(message) == 0 || m.transient(message)) {
		return &m.transientUsage
	}
	return &m.lastingUsage
}

// emptyTransient lets go of what is in the oldest passing messages, if it is more than so
// many bytes, as far as the followers have had them.
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
		if w := m.usageOf(r.message); w == &m.transientUsage {
			w.bytes -= len(r.message)
			r.message = nil
		}
	}
}

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
	m.empty(bytes / 4)
	for m.lasting.count > count || m.lasting.bytes > bytes && m.lasting.count > 1 || m.log.Len()/placesPerMessage > count {
		message := m.log.Pop().message
		m.weightOf(message).add(-1, -len(message))
	}
}

// A weight is of messages.
type weight struct{ count, bytes int }

func (w *weight) add(count, bytes int) { w.count, w.bytes = w.count+count, w.bytes+bytes }

// placesPerMessage bounds the log with the messages that are empty.
const placesPerMessage = 8

func (m *Memory) push(r record) {
	m.log.Push(r)
	m.weightOf(r.message).add(1, len(r.message))
	m.next++
}

// weightOf returns what a message counts to.
func (m *Memory) weightOf(message []byte) *weight {
	if m.passing != nil && (len(message) == 0 || m.passing(message)) {
		return &m.passed
	}
	return &m.lasting
}

// empty lets go of what is in the oldest passing messages, if it is more than so
// many bytes, as far as the followers have had them.
func (m *Memory) empty(most int) {
	if m.passed.bytes <= most || len(m.followers) == 0 {
		return
	}
	read := m.next
	for _, next := range m.followers {
		read = min(read, next)
	}
	for m.emptied = max(m.emptied, m.first()); m.emptied < read && m.passed.bytes > most; m.emptied++ {
		r := m.log.At(int(m.emptied - m.first())) //nolint:gosec // an index
		if w := m.weightOf(r.message); w == &m.passed {
			w.bytes -= len(r.message)
			r.message = nil
		}
	}
}

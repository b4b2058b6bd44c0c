package window

// KeysOf calls visit for each user and tag of an address, and with a nil name
// if the address includes everyone.
type KeysOf func(address []byte, visit func(tag bool, name []byte))

// Offsets are the offsets of the messages of one key, ascending.
type Offsets = Deque[uint64]

// OfEveryone returns the offsets of the messages to everyone.
func (w *Window) OfEveryone() *Offsets { return &w.shared }

// OfUser returns the offsets of the messages to a user, or nil if there are
// none. Messages to the user's tags are not included.
func (w *Window) OfUser(user string) *Offsets { return w.users.get(user) }

// OfTag returns the offsets of the messages to a tag, or nil if there are none.
func (w *Window) OfTag(tag string) *Offsets { return w.tags.get(tag) }

func (w *Window) index(m *Message) {
	w.current = m.Offset
	w.keys(m.Addr(), w.addKey)
}

func (w *Window) addToIndex(tag bool, name []byte) {
	switch {
	case name == nil:
		w.size += add(&w.shared, w.current)
	case tag:
		w.size += w.tags.add(name, w.current)
	default:
		w.size += w.users.add(name, w.current)
	}
}

func (w *Window) unindex(m *Message) {
	w.current = m.Offset
	w.keys(m.Addr(), w.removeKey)
}

func (w *Window) removeFromIndex(tag bool, name []byte) {
	switch {
	case name == nil:
		w.size += drop(&w.shared, w.current)
		if w.shared.Len() == 0 {
			w.size -= offsetBytes * w.shared.Room()
			w.shared = Offsets{}
		}
	case tag:
		w.size += w.tags.remove(name, w.current)
	default:
		w.size += w.users.remove(name, w.current)
	}
}

// add adds an offset to a list unless it is the last one there, and returns by
// how many bytes the list has grown.
func add(list *Offsets, offset uint64) int {
	if n := list.Len(); n > 0 && *list.At(n - 1) == offset {
		return 0
	}
	before := list.Room()
	list.Push(offset)
	return offsetBytes * (list.Room() - before)
}

// drop removes an offset from a list if it is the first one, and returns by how
// many bytes the list has grown.
func drop(list *Offsets, offset uint64) int {
	if list.Len() == 0 || *list.At(0) != offset {
		return 0
	}
	before := list.Room()
	list.Pop()
	return offsetBytes * (list.Room() - before)
}

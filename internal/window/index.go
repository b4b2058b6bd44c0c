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
func (w *Window) OfUser(user string) *Offsets { return w.users[user] }

// OfTag returns the offsets of the messages to a tag, or nil if there are none.
func (w *Window) OfTag(tag string) *Offsets { return w.tags[tag] }

func (w *Window) index(m *Message) {
	w.current = m.Offset
	w.keys(m.Addr(), w.addKey)
}

func (w *Window) addToIndex(tag bool, name []byte) {
	switch {
	case name == nil:
		add(&w.shared, w.current)
	case tag:
		addTo(w.tags, name, w.current)
	default:
		addTo(w.users, name, w.current)
	}
}

func addTo(lists map[string]*Offsets, key []byte, offset uint64) {
	list := lists[string(key)]
	if list == nil {
		list = new(Offsets)
		lists[string(key)] = list
	}
	add(list, offset)
}

func add(list *Offsets, offset uint64) {
	if n := list.Len(); n == 0 || *list.At(n - 1) != offset {
		list.Push(offset)
	}
}

func (w *Window) unindex(m *Message) {
	w.current = m.Offset
	w.keys(m.Addr(), w.removeKey)
}

func (w *Window) removeFromIndex(tag bool, name []byte) {
	switch {
	case name == nil:
		drop(&w.shared, w.current)
	case tag:
		dropFrom(w.tags, name, w.current)
	default:
		dropFrom(w.users, name, w.current)
	}
}

func dropFrom(lists map[string]*Offsets, key []byte, offset uint64) {
	if list := lists[string(key)]; list != nil {
		if drop(list, offset); list.Len() == 0 {
			delete(lists, string(key))
		}
	}
}

func drop(list *Offsets, offset uint64) {
	if list.Len() > 0 && *list.At(0) == offset {
		list.Pop()
	}
}

package window

// lists are the offsets of the messages of each user, or of each tag.
//
// A map never shrinks. So when the lists have become few, others are added to
// a new map, and a list moves to it with its next message. The old map goes
// with the last of its lists, which is at most as old as the window. No step
// of this depends on the number of lists.
type lists struct {
	now, old map[string]*Offsets
	most     int // largest number of lists in now
}

// fewLists is the number of lists up to which a map may be too large.
const fewLists = 1024

// get returns a list, or nil.
func (l *lists) get(key string) *Offsets {
	if list := l.now[key]; list != nil || l.old == nil {
		return list
	}
	return l.old[key]
}

// add adds an offset to the list of a key, and returns by how many bytes what
// the lists take has grown.
func (l *lists) add(key []byte, offset uint64) int {
	list := l.now[string(key)]
	if list != nil {
		return add(list, offset)
	}
	size := 0
	if list = l.old[string(key)]; list != nil {
		l.dropOld(key)
	} else {
		list = new(Offsets)
		size = listBytes(key)
	}
	if l.now == nil {
		l.now = make(map[string]*Offsets)
	}
	l.now[string(key)] = list
	l.most = max(l.most, len(l.now))
	return size + add(list, offset)
}

// remove removes an offset from the list of a key if it is the first one, and
// returns by how many bytes what the lists take has grown; a list that has
// become empty takes nothing.
func (l *lists) remove(key []byte, offset uint64) int {
	list, isOld := l.now[string(key)], false
	if list == nil {
		list, isOld = l.old[string(key)], true
	}
	if list == nil {
		return 0
	}
	size := drop(list, offset)
	if list.Len() > 0 {
		return size
	}
	if isOld {
		l.dropOld(key)
	} else {
		delete(l.now, string(key))
		l.renew()
	}
	return size - listBytes(key) - offsetBytes*list.Room()
}

func (l *lists) dropOld(key []byte) {
	if delete(l.old, string(key)); len(l.old) == 0 {
		l.old = nil
	}
}

// renew begins a new map if this one is much larger than its content.
func (l *lists) renew() {
	switch {
	case len(l.now) == 0:
		l.now, l.most = nil, 0
	case l.old == nil && l.most > fewLists && len(l.now) < l.most/4:
		l.old, l.now, l.most = l.now, nil, 0
	}
}

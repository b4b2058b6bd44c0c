package envelope

import (
	"encoding/binary"
	"iter"
	"sort"
)

// PerUser is the part of an envelope with what some users get of an event besides what
// all get. It stands between the address and the body. It is
//
//	count end[4]... entries
//	entry: user params
//
// where the entries are sorted by user, and the params extend to the end of the entry.
// The ends are counted from the first entry on. A node thus finds the params of a user
// without reading those of the others: it does so for each page. Empty without such params.
type PerUser []byte

const endBytes = 4

// MarkPerUser marks an event that has a PerUser. No one else may have the envelope yet.
func MarkPerUser(raw []byte) { raw[flagsAt] |= perUserFlag }

// HasPerUser reports whether a valid envelope has a PerUser.
func HasPerUser(raw []byte) bool { return raw[flagsAt]&perUserFlag != 0 }

// AppendPerUser appends the params of users, which must be sorted. params are those of the
// user with the same index.
func AppendPerUser(b []byte, users []string, params [][]byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(users)))
	table := len(b)
	b = append(b, make([]byte, endBytes*len(users))...)
	first := len(b)
	for i, user := range users {
		b = append(appendString(b, user), params[i]...)
		binary.BigEndian.PutUint32(b[table+endBytes*i:], uint32(len(b)-first)) //nolint:gosec // an event is far below 4 GiB
	}
	return b
}

// PerUser returns what follows an address up to the body.
func (a Address) PerUser() PerUser {
	r := reader{rest: a}
	r.skipAddress()
	return r.rest
}

// Of returns the params of a user, or nil.
func (p PerUser) Of(user string) []byte {
	if len(p) == 0 || user == "" {
		return nil
	}
	t := p.table()
	i := sort.Search(t.count(), func(i int) bool {
		name, _ := t.entry(i)
		return string(name) >= user
	})
	if i < t.count() {
		if name, params := t.entry(i); string(name) == user {
			return params
		}
	}
	return nil
}

// All yields the users and their params.
func (p PerUser) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(user, params []byte) bool) {
		if len(p) == 0 {
			return
		}
		t := p.table()
		for i := range t.count() {
			if user, params := t.entry(i); !yield(user, params) {
				return
			}
		}
	}
}

func (p PerUser) table() perUserTable {
	r := reader{rest: p}
	ends := r.bytes(r.number() * endBytes)
	return perUserTable{ends: ends, entries: r.rest}
}

// A perUserTable is a PerUser that can be read at an index.
type perUserTable struct{ ends, entries []byte }

func (t *perUserTable) count() int { return len(t.ends) / endBytes }

// entry returns an entry.
func (t *perUserTable) entry(i int) (user, params []byte) {
	from := uint32(0)
	if i > 0 {
		from = t.end(i - 1)
	}
	r := reader{rest: t.entries[from:t.end(i)]}
	user = r.string()
	return user, r.rest
}

func (t *perUserTable) end(i int) uint32 { return binary.BigEndian.Uint32(t.ends[endBytes*i:]) }

// perUser reads a PerUser. Users that are not sorted may not be found, which does no harm.
func (r *reader) perUser() PerUser {
	start := r.rest
	n := r.number()
	if n > uint64(len(r.rest)/endBytes) {
		r.bad = true
		return nil
	}
	t := perUserTable{ends: r.bytes(n * endBytes), entries: r.rest}
	before := uint32(0)
	for i := range t.count() {
		end := t.end(i)
		if end < before || uint64(end) > uint64(len(t.entries)) {
			r.bad = true
			return nil
		}
		entry := reader{rest: t.entries[before:end]}
		if entry.string(); entry.bad {
			r.bad = true
			return nil
		}
		before = end
	}
	r.rest = t.entries[before:]
	return PerUser(start[:len(start)-len(r.rest)])
}

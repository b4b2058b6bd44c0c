package envelope

import "encoding/binary"

// A reader decodes the contents of an envelope. Once it has met malformed
// bytes, bad is true and it returns zero values.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) string() []byte { return r.bytes(r.number()) }

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// list skips a list and returns it. It stops at the end of the bytes, so a
// forged length costs nothing.
func (r *reader) list() List {
	n := r.number()
	l := List{n, r.rest}
	for i := uint64(0); i < n && !r.bad; i++ {
		r.string()
	}
	return l
}

func (r *reader) strings() []string {
	l := r.list()
	if r.bad || l.N == 0 {
		return nil
	}
	list := make([]string, 0, l.N)
	for s := range l.All() {
		list = append(list, string(s))
	}
	return list
}

func (r *reader) term() AddressTerm {
	var t AddressTerm
	if len(r.rest) == 0 {
		r.bad = true
		return t
	}
	t.Shared = r.rest[0] != 0
	r.rest = r.rest[1:]
	t.Users, t.Tags, t.Except = r.list(), r.list(), r.list()
	return t
}

func (r *reader) skipAddress() {
	r.string()
	n := r.number()
	for i := uint64(0); i < n && !r.bad; i++ {
		r.term()
	}
}

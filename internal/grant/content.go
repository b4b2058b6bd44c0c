package grant

import "encoding/binary"

// The flags of a grant.
const (
	flagRenewed = 1 << iota
	flagID      // the content has the ID; otherwise the ID is a part of the code that authenticates it
	flagOwner   // the content has the hash of an owner
)

// flagsOf returns the flags of a grant.
func flagsOf(g *Grant, owner []byte) (flags byte) {
	if len(owner) > 0 {
		flags |= flagOwner
	}
	if g.Renewed {
		flags |= flagRenewed
	}
	if g.ID != 0 {
		flags |= flagID
	}
	return flags
}

// A content is what a grant's text contains.
type content struct {
	grant   Grant
	expires int64  // unix seconds
	owner   []byte // a hash; empty for guests without a session
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// parse reads the content of a grant, and reports whether it is well-formed.
func parse(b []byte) (c content, ok bool) {
	r := reader{rest: b}
	if r.byte() != version {
		return c, false
	}
	flags := r.byte()
	c.grant.Renewed = flags&flagRenewed != 0
	if flags&flagID != 0 {
		c.grant.ID = binary.BigEndian.Uint64(r.bytes(8))
	}
	c.expires = r.varint()
	if flags&flagOwner != 0 {
		c.owner = r.bytes(ownerBytes)
	}
	c.grant.From.Epoch = r.string()
	c.grant.From.Offset = r.uvarint()
	n := r.uvarint()
	for i := uint64(0); i < n && !r.bad; i++ {
		c.grant.Tags = append(c.grant.Tags, r.string())
	}
	return c, !r.bad && len(r.rest) == 0 && Check(c.grant.Tags) == nil
}

// A reader reads the parts of a content. After the end of the bytes it returns
// zero values and is bad.
type reader struct {
	rest []byte
	bad  bool
}

// bytes returns the next n bytes, or n zeros.
func (r *reader) bytes(n int) []byte {
	if n > len(r.rest) {
		r.bad, r.rest = true, nil
		return make([]byte, n)
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte { return r.bytes(1)[0] }

func (r *reader) varint() int64 {
	n, size := binary.Varint(r.rest)
	r.skip(size)
	return n
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	r.skip(size)
	return n
}

// skip skips a number of that size, which is 0 or less if it is malformed.
func (r *reader) skip(size int) {
	if size <= 0 {
		r.bad, r.rest = true, nil
		return
	}
	r.rest = r.rest[size:]
}

func (r *reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return ""
	}
	return string(r.bytes(int(n))) //nolint:gosec // not more than the rest
}

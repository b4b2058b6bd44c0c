package ticket

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/session"
)

// A content is what a ticket's text contains:
//
//	expires[8] until[8] offset[8] origin[16] session[16] epoch-length epoch user
//
// Times are in unix milliseconds; an until of 0 is none.
type content struct {
	expires, until int64
	from           envelope.Cursor
	origin         Origin
	session        session.ID
	user           string
}

// fixedBytes is the size of what precedes the epoch.
const fixedBytes = 3*8 + 16 + 16 + 1

func (t *Ticket) content() content {
	c := content{from: t.From, origin: t.Origin, session: t.Session, user: t.User}
	switch {
	case t.Until.After(latest):
		c.until = latest.UnixMilli()
	case !t.Until.IsZero():
		c.until = t.Until.UnixMilli()
	}
	return c
}

// latest is the last time in unix milliseconds, in which a later one would overflow.
var latest = time.UnixMilli(math.MaxInt64) //nolint:gochecknoglobals // a constant

func (c *content) ticket() Ticket {
	t := Ticket{User: c.user, Session: c.session, Origin: c.origin, From: c.from}
	if c.until != 0 {
		t.Until = time.UnixMilli(c.until)
	}
	return t
}

// bytes returns the bytes of a content. Its epoch has at most 255 bytes.
func (c *content) bytes() []byte {
	b := make([]byte, 0, fixedBytes+len(c.from.Epoch)+len(c.user))
	b = binary.BigEndian.AppendUint64(b, uint64(c.expires)) //nolint:gosec // any bits
	b = binary.BigEndian.AppendUint64(b, uint64(c.until))   //nolint:gosec // any bits
	b = binary.BigEndian.AppendUint64(b, c.from.Offset)
	b = append(append(b, c.origin[:]...), c.session[:]...)
	b = append(append(b, byte(len(c.from.Epoch))), c.from.Epoch...) //nolint:gosec // a broker's epoch has at most 255 bytes
	return append(b, c.user...)
}

// parse reads a content, and reports whether it is well-formed.
func parse(b []byte) (c content, ok bool) {
	if len(b) < fixedBytes || len(b) < fixedBytes+int(b[fixedBytes-1]) {
		return c, false
	}
	c.expires = int64(binary.BigEndian.Uint64(b))     //nolint:gosec // any bits
	c.until = int64(binary.BigEndian.Uint64(b[8:16])) //nolint:gosec // any bits
	c.from.Offset = binary.BigEndian.Uint64(b[16:24])
	c.origin, c.session = Origin(b[24:40]), session.ID(b[40:56])
	end := fixedBytes + int(b[fixedBytes-1])
	c.from.Epoch, c.user = string(b[fixedBytes:end]), string(b[end:])
	return c, c.user == "" || envelope.CheckIDs("user id", []string{c.user}) == nil
}

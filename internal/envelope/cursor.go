package envelope

import (
	"strconv"
	"strings"
)

// A Cursor is a position in the log: its holder has everything up to the
// offset. The epoch names the log; offsets of different epochs are not
// comparable.
type Cursor struct {
	Epoch  string
	Offset uint64
}

// String returns the cursor in the form that pages use, "epoch.offset". A node
// that has not read from the log yet has no epoch. Its pages get the epoch
// "none", which no log has, so that they are notified of a gap instead of
// missing events.
func (c Cursor) String() string {
	epoch := c.Epoch
	if epoch == "" {
		epoch = "none"
	}
	return epoch + "." + strconv.FormatUint(c.Offset, 10)
}

// cursorBytes is more than the length of any cursor: the longest epoch that a
// broker may use, the suffix that is appended when the log breaks, and an
// offset.
const cursorBytes = MaxIDBytes + 64

// ParseCursor parses a cursor that a page has sent. It returns the zero Cursor
// if s is malformed; the page is then notified of a gap.
func ParseCursor(s string) Cursor {
	if len(s) > cursorBytes {
		return Cursor{}
	}
	epoch, digits := "", s
	if dot := strings.LastIndexByte(s, '.'); dot >= 0 {
		epoch, digits = s[:dot], s[dot+1:]
	}
	offset, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || epoch == "" || offset > MaxOffset {
		return Cursor{}
	}
	return Cursor{strings.Clone(epoch), offset} // do not keep the rest of s in memory
}

// MaxOffset is the largest offset that a page can hold: 2⁵³ − 1. Up to there
// JavaScript represents every integer exactly.
const MaxOffset = 1<<53 - 1

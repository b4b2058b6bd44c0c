package envelope

import (
	"strconv"
	"strings"
)

// A Cursor is a position in the log: all up to here is known. Epochs name logs:
// in another epoch the offset means nothing.
type Cursor struct {
	Epoch  string
	Offset uint64
}

// String returns the cursor as pages carry it: "epoch.offset". A node that has
// not heard from the log yet has no position; a page that asks for one gets a
// cursor of no log, so that it is told of a gap instead of missing something.
func (c Cursor) String() string {
	epoch := c.Epoch
	if epoch == "" {
		epoch = "none"
	}
	return epoch + "." + strconv.FormatUint(c.Offset, 10)
}

// cursorBytes is more than a cursor has: an epoch as long as a broker may name it,
// what is appended if the log breaks, and an offset.
const cursorBytes = MaxIDBytes + 64

// ParseCursor reads what a page sent. Whatever it cannot read is no position:
// the page is then told of a gap.
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
	return Cursor{strings.Clone(epoch), offset} // what it was cut from may be large
}

// MaxOffset is the largest offset that a page can hold: 2⁵³ − 1, the largest
// integer of JavaScript up to which all are exact.
const MaxOffset = 1<<53 - 1

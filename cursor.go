package pull

import (
	"strconv"
	"strings"
)

// A cursor is a position in the log: all up to here is known. Epochs name logs:
// in another epoch the offset means nothing.
type cursor struct {
	epoch  string
	offset uint64
}

// String returns the cursor as pages carry it: "epoch.offset". A node that has
// not heard from the log yet has no position; a page that asks for one gets a
// cursor of no log, so that it is told of a gap instead of missing something.
func (c cursor) String() string {
	epoch := c.epoch
	if epoch == "" {
		epoch = "none"
	}
	return epoch + "." + strconv.FormatUint(c.offset, 10)
}

// cursorBytes is more than a cursor has: an epoch as long as a broker may name it,
// what is appended if the log breaks, and an offset.
const cursorBytes = idBytes + 64

// parseCursor reads what a page sent. Whatever it cannot read is no position:
// the page is then told of a gap.
func parseCursor(s string) cursor {
	if len(s) > cursorBytes {
		return cursor{}
	}
	epoch, digits := "", s
	if dot := strings.LastIndexByte(s, '.'); dot >= 0 {
		epoch, digits = s[:dot], s[dot+1:]
	}
	offset, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || epoch == "" || offset > maxOffset {
		return cursor{}
	}
	return cursor{strings.Clone(epoch), offset} // what it was cut from may be large
}

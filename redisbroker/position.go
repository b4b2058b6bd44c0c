package redisbroker

import (
	"fmt"
	"strconv"
	"strings"
)

// A position is a message in the log of an epoch.
type position struct {
	epoch string
	id    id
}

// An id is that of an entry of the stream: OFFSET-TIMETAG. The time, in
// milliseconds, and the tag tell the message from another one at its offset.
type id struct {
	offset uint64
	rest   uint64 // 0: no message, only a place in the log
}

// tags is the number of tags, and one more than the largest.
const tags = 1_000_000

// noMessage is the rest of an id that stands for all messages at its offset.
const noMessage = ^uint64(0)

// maxOffset is what browsers count to exactly.
const maxOffset = 1<<53 - 1

func parseID(text string) (id, error) {
	before, after, found := strings.Cut(text, "-")
	offset, err := strconv.ParseUint(before, 10, 64)
	rest, restErr := strconv.ParseUint(after, 10, 64)
	if !found || err != nil || restErr != nil || offset > maxOffset {
		return id{}, fmt.Errorf("the stream has the id %.50q, which this module does not write", text)
	}
	return id{offset, rest}, nil
}

func (i id) String() string {
	return strconv.FormatUint(i.offset, 10) + "-" + strconv.FormatUint(i.rest, 10)
}

// tag returns the tag, with six digits.
func (i id) tag() uint64 { return i.rest % tags }

// isMessage reports whether the id is that of a message.
func (i id) isMessage() bool { return i.rest >= tags && i.rest != noMessage }

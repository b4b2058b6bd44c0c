package hub

import (
	"math"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/tally"
)

// A course is what is known of how a connection began, and of what has happened to it
// since. It answers the questions of an operator, and takes a byte, because there are
// many pages: a start, and flags.
type course uint8

const (
	startMask course = 0x0f

	unlisted course = 0x10 // the list of who is online that the page got may lack its user
	lagged   course = 0x20 // the page has read the window after it had been live
	passed   course = 0x40 // a watch came when the page had passed messages that it covers
	granted  course = 0x80 // the page has watched tags itself
)

func (c *course) has(flag course) bool { return *c&flag != 0 }

func (c *course) set(flag course)   { *c |= flag }
func (c *course) clear(flag course) { *c &^= flag }

// A start is from where on a page gets its messages over a connection, and why.
type start uint8

const (
	startNew       start = iota // where the log was: the page had no cursor
	startRecovered              // at its cursor
	startWindow                 // after a gap: the window does not reach back to its cursor …
	startEpoch                  // … its cursor is of another log
	startAhead                  // … beyond the end of the log
	startMalformed              // … or none
	startBehind                 // … this node may lack watches of the time since the cursor
	startGrant                  // … a watch came too late for messages that it covers
	startBroken                 // … the log broke while the page was connected
	startCount
)

// cause returns the name of what has caused the gap, as Stats.GapsBy has it, or "".
func (s start) cause() string {
	return [...]string{
		startNew: "", startRecovered: "", startWindow: "window", startEpoch: "epoch", startAhead: "ahead",
		startMalformed: "malformed", startBehind: "behind", startGrant: "grant", startBroken: "broken_log",
	}[s]
}

// isLive reports whether the gap came to a page that was connected.
func (s start) isLive() bool { return s == startGrant || s == startBroken }

func (c *course) start() start  { return start(*c & startMask) }
func (c *course) begin(s start) { *c = *c&^startMask | course(s) }

// newGaps returns counters of all causes of gaps.
func newGaps() tally.Counts {
	var causes []string
	for s := startWindow; s < startCount; s++ {
		causes = append(causes, s.cause())
	}
	return tally.New(causes...)
}

// startOf returns how a page of the user begins that has sent a cursor, or nil. The caller
// holds mu.
func (h *Hub) startOf(user string, at *envelope.Cursor) start {
	switch {
	case at == nil:
		return startNew
	case at.Epoch == "":
		return startMalformed
	case at.Epoch != h.epoch:
		return startEpoch
	case at.Offset > h.history.Last():
		return startAhead
	case !h.history.Covers(at.Offset):
		return startWindow
	case h.mayLackWatches(user, at.Offset):
		return startBehind
	}
	return startRecovered
}

// start records that a page joins: it gets what follows the offset from, while the log
// ends at last.
func (p *Page) start(s start, from, last uint64, now time.Time) {
	p.course.begin(s)
	p.began = uint32(max(1, min(uint64(max(0, now.Unix())), math.MaxUint32))) //nolint:gosec // bounded
	p.from = from
	p.readsUpTo(last)
}

// restart records that a page was notified of a gap up to an offset.
func (p *Page) restart(cause start, at uint64) {
	p.course.begin(cause)
	p.course.clear(passed | lagged)
	p.from, p.missed = at, 0
}

// readsUpTo records that the page reads the window up to an offset, unless it has been
// live before.
func (p *Page) readsUpTo(last uint64) {
	if !p.course.has(lagged) {
		p.missed = uint32(min(last-min(last, p.from), math.MaxUint32)) //nolint:gosec // bounded
	}
}

// joined returns the offset up to which the page has read the window before it was live.
func (p *Page) joined() uint64 { return p.from + uint64(p.missed) }

// pass records that the page has passed messages that a watch covers which has just come
// into the log, and is not notified of that. A grant of the page must not take them for
// given, see wasGiven.
func (p *Page) pass(last uint64) {
	p.course.set(passed)
	if p.recoveredFrom() > 0 {
		p.from, p.missed = last, 0
	}
}

// recoveredFrom returns the offset from which the page has recovered; 0 for none.
func (p *Page) recoveredFrom() uint64 {
	if p.course.start() != startRecovered {
		return 0
	}
	return p.from
}

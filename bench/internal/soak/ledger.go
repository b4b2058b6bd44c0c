package soak

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A line is a sequence of numbered events with the same target. Its events enter
// the log in the order of their numbers.
type line string

// A letter is a numbered event.
type letter struct {
	line   line
	number int
	sent   time.Time
}

// String returns the text of the event: the line, the number, and when it was
// sent in nanoseconds since 1970.
func (l letter) String() string {
	return fmt.Sprintf("%s %d %d", l.line, l.number, l.sent.UnixNano())
}

// parseLetter returns false for a text that no author has written. What follows
// the third word is ignored.
func parseLetter(text string) (letter, bool) {
	words := strings.Fields(text)
	if len(words) < 3 {
		return letter{}, false
	}
	number, err := strconv.Atoi(words[1])
	sent, err2 := strconv.ParseInt(words[2], 10, 64)
	return letter{line(words[0]), number, time.Unix(0, sent)}, err == nil && err2 == nil && number > 0
}

// A ledger is what one page has received. The zero value is that of a page that has
// just been loaded. It is not safe for concurrent use.
type ledger struct {
	last map[line]int
}

// receive notes a letter. It returns an error if the letter is not the next of
// its line. The first one of a line is the next, whatever its number.
func (l *ledger) receive(a letter) error {
	if l.last == nil {
		l.last = map[line]int{}
	}
	last := l.last[a.line]
	l.last[a.line] = max(last, a.number)
	switch {
	case last == 0 || a.number == last+1:
		return nil
	case a.number <= last:
		return fmt.Errorf("%s %d came after %d", a.line, a.number, last)
	default:
		return &hole{a.line, last + 1, a.number - 1}
	}
}

// A hole is an error: letters of a line that did not come.
type hole struct {
	line        line
	first, last int
}

func (h *hole) Error() string {
	return fmt.Sprintf("%s %d to %d did not come", h.line, h.first, h.last)
}

// gap forgets what was received: the page was notified that events are missing.
func (l *ledger) gap() { clear(l.last) }

// lacks returns how many letters up to the last ones of each line are missing. A
// line of which the page has received nothing does not count.
func (l *ledger) lacks(ends map[line]int) int {
	missing := 0
	for a, last := range l.last {
		missing += max(ends[a]-last, 0)
	}
	return missing
}

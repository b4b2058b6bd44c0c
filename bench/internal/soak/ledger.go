package soak

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// A line is a sequence of numbered events with the same target. Its events enter
// the log in the order of their numbers.
type line string

// The lines that many pages receive. Each resident has one more, with the user's name.
const (
	shared line = "all"    // to everyone
	mobile line = "mobile" // to those who look at /m
	tasks  line = "tasks"  // changes of the list, which / shows
)

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

// A ledger is what one page has received, and what it has to receive. It is not safe
// for concurrent use.
type ledger struct {
	last  map[line]int // the last letter that came
	shown map[line]int // where none came: the page may have been loaded with the letters up to this one
}

// expect notes that a page was loaded which receives some lines. ends are the letters
// that were sent before; the next one of each line may be on its way.
func (l *ledger) expect(ends map[line]int, lines ...line) {
	l.last, l.shown = map[line]int{}, map[line]int{}
	for _, a := range lines {
		l.shown[a] = ends[a] + 1
	}
}

// receive notes a letter. It returns an error if the letter is not the next of
// its line. The first one of a line may be any that the page was not loaded with.
func (l *ledger) receive(a letter) error {
	last, came := l.last[a.line]
	l.last[a.line] = max(last, a.number)
	if !came {
		last = a.number - 1
		if shown, expected := l.shown[a.line]; expected {
			last = min(last, shown)
		}
	}
	switch {
	case a.number == last+1:
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
func (l *ledger) gap() {
	clear(l.last)
	clear(l.shown)
}

// missing returns the letters that have not come yet, up to the last ones of each line.
func (l *ledger) missing(ends map[line]int) []hole {
	at := maps.Clone(l.shown)
	maps.Copy(at, l.last)
	var holes []hole
	for a, last := range at {
		if last < ends[a] {
			holes = append(holes, hole{a, last + 1, ends[a]})
		}
	}
	return holes
}

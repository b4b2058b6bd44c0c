package modeltest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A model is what pages should receive according to a log.
type model struct {
	t       testing.TB
	epoch   string
	entries map[uint64]entry
	events  []uint64            // offsets, ascending, each message once
	series  map[string][]uint64 // the events of each series, ascending
	watches map[[2]string][]*watch
	ended   map[string]uint64    // sessions that were ended → where
	earlier map[[2]string]uint64 // watches of earlier epochs, which nodes may still have → where they end
}

// A watch is the period in which a user watches a tag: after since and before
// until. A grant that counts from an earlier position than the one before it is
// separate. A page that connected before granted may have been beyond the messages
// between since and granted.
type watch struct{ since, granted, until uint64 }

func newModel(t testing.TB, epoch string, entries map[uint64]entry, before *model) *model {
	m := &model{t: t, epoch: epoch, entries: entries, watches: make(map[[2]string][]*watch), series: make(map[string][]uint64), earlier: before.surviving(), ended: make(map[string]uint64)}
	offsets := make([]uint64, 0, len(entries))
	for offset := range entries {
		offsets = append(offsets, offset)
	}
	slices.Sort(offsets)
	for i := 1; i < len(offsets); i++ { // sentinels of the embedded log are not recorded
		if offsets[i] > offsets[i-1]+10 {
			t.Errorf("hole in the recorded log %s between %d and %d", epoch, offsets[i-1], offsets[i])
		}
	}
	known := make(map[string]bool)
	for _, offset := range offsets {
		e := entries[offset]
		if known[e.name] {
			continue
		}
		known[e.name] = true
		m.take(offset, &e)
	}
	return m
}

func (m *model) take(offset uint64, e *entry) {
	switch e.kind {
	case 1:
		m.events = append(m.events, offset)
		if key := e.params.Key; key != "" {
			m.series[key] = append(m.series[key], offset)
		}
	case 2: // watch: user, cursor, tags
		since := offset
		if epoch, digits, _ := strings.Cut(e.list[1], "."); epoch == m.epoch {
			from, _ := strconv.ParseUint(digits, 10, 64)
			since = min(since, from)
		}
		for _, tag := range e.list[2:] {
			key := [2]string{e.list[0], tag}
			if list := m.watches[key]; len(list) == 0 || list[len(list)-1].until > 0 || list[len(list)-1].since > since {
				m.watches[key] = append(list, &watch{since: since, granted: offset})
			}
		}
	case kindEndSession:
		m.endSession(offset, e)
	case 4: // unwatch: user, tags
		for _, tag := range e.list[1:] {
			for _, w := range m.watches[[2]string{e.list[0], tag}] {
				if w.until == 0 {
					w.until = offset
				}
			}
			if _, has := m.earlier[[2]string{e.list[0], tag}]; has {
				m.earlier[[2]string{e.list[0], tag}] = offset
			}
		}
	}
}

// surviving returns the watches of the log and of those before. A node that has
// not read the end of a log before it was lost still has those that ended there.
func (m *model) surviving() map[[2]string]uint64 {
	left := make(map[[2]string]uint64)
	if m == nil {
		return left
	}
	for key := range m.earlier {
		left[key] = math.MaxUint64
	}
	for key := range m.watches {
		left[key] = math.MaxUint64
	}
	return left
}

func (m *model) check(p *page, part *part) {
	got, all := make(map[uint64]uint64, len(part.got)), make(map[uint64]bool, len(part.got))
	for i, offset := range part.got {
		got[offset], all[offset] = part.numbers[i], true
	}
	mistakes := 0
	wrong := func(format string, args ...any) {
		if mistakes++; mistakes <= 5 {
			m.t.Errorf(format, args...)
		}
	}
	from, _ := slices.BinarySearch(m.events, part.from+1)
	for _, offset := range m.events[from:] {
		if offset > part.upTo {
			break
		}
		number, seen := got[offset]
		delete(got, offset)
		v := m.verdict(p, part, offset)
		switch params := m.entries[offset].params; {
		case !seen && v == always && !m.isReplaced(p, part, offset, all):
			wrong("%s did not see %s.%d (between %d and %d, rendered at %v): %s; %s", p, m.epoch, offset, part.from, part.upTo, part.rendered, describe(&params), m.reasons(p, part, &params))
		case seen && v == never:
			wrong("%s saw %s.%d, which is not for it: %s", p, m.epoch, offset, describe(&params))
		case seen && number != params.Number:
			wrong("%s saw number %d at %s.%d, want %d", p, number, m.epoch, offset, params.Number)
		}
	}
	for offset := range got {
		wrong("%s saw %s.%d, which the log does not hold (or a second time)", p, m.epoch, offset)
	}
}

// isReplaced reports whether a page need not have received an event, because of a later
// one of the same series that it has received, or must still receive.
func (m *model) isReplaced(p *page, part *part, offset uint64, got map[uint64]bool) bool {
	series := m.series[m.entries[offset].params.Key]
	after, _ := slices.BinarySearch(series, offset+1)
	for _, later := range series[after:] {
		v := m.verdict(p, part, later)
		if v == always || v == perhaps && (got[later] || later > part.upTo) || m.wasLeft(part, later) {
			return true
		}
	}
	return false
}

// wasLeft reports whether the page has ended its own watch of a tag of an event before
// it received the event. The server may have left out an earlier one because of it.
func (m *model) wasLeft(part *part, offset uint64) bool {
	for _, t := range m.entries[offset].params.To {
		for _, s := range part.spans {
			if slices.Contains(t.Tags, s.tag) && offset > s.may && offset > min(s.doubt, s.end) {
				return true
			}
		}
	}
	return false
}

// A verdict is whether a page must receive a message.
type verdict int

const (
	never verdict = iota
	perhaps
	always
)

func (m *model) verdict(p *page, part *part, offset uint64) verdict {
	params := m.entries[offset].params
	if params.Sender == p.client {
		return never
	}
	best := never
	for _, t := range params.To {
		if p.user != "" && slices.Contains(t.Except, p.user) {
			continue
		}
		if t.Shared || p.user != "" && slices.Contains(t.Users, p.user) {
			return always
		}
		for _, tag := range t.Tags {
			key := [2]string{p.user, tag}
			for _, watch := range m.watches[key] {
				best = max(best, watch.verdict(part, tag, offset))
			}
			for _, s := range part.spans {
				if s.tag == tag {
					best = max(best, s.verdict(offset))
				}
			}
			if until, has := m.earlier[key]; has && offset < until {
				best = max(best, perhaps)
			}
		}
	}
	return best
}

func (w *watch) verdict(part *part, tag string, offset uint64) verdict {
	switch {
	case offset <= w.since || w.until > 0 && offset >= w.until:
		return never
	case offset > w.granted || slices.Contains(part.rendered, rendered{tag, w.since}) && !part.excused && !part.endedBefore(w):
		return always
	}
	return perhaps
}

// endedBefore reports whether the part had ended when a watch was granted. The page may
// have passed events that became its user's only then: it was notified of a gap when it
// came back, or was loaded again.
func (p *part) endedBefore(w *watch) bool { return p.ended && w.granted > p.upTo }

func describe(params *params) string {
	to, err := json.Marshal(params.To)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("number %d to %s, sender %q, key %q", params.Number, to, cmp.Or(params.Sender, "-"), params.Key)
}

// reasons describes the watches because of which a page may get an event, and where the
// page connected.
func (m *model) reasons(p *page, part *part, params *params) string {
	var b strings.Builder
	for _, t := range params.To {
		for _, tag := range t.Tags {
			for _, w := range m.watches[[2]string{p.user, tag}] {
				fmt.Fprintf(&b, "%s: after %d, granted at %d, until %d; ", tag, w.since, w.granted, w.until)
			}
			for _, s := range part.spans {
				if s.tag == tag {
					fmt.Fprintf(&b, "%s of the page: %+v; ", tag, *s)
				}
			}
		}
	}
	return fmt.Sprintf("%sconnected at %v, got %v", b.String(), part.connected, part.got)
}

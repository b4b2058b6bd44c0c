package pull_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// compare compares what the pages received with the log.
func (w *world) compare() {
	numbers := make(map[uint64]bool)
	var total, gaps, got int
	for epoch, entries := range w.log.epochs {
		m := newModel(w.t, epoch, entries)
		for _, e := range m.events {
			numbers[m.entries[e].params.Number] = true
		}
		total += len(m.events)
		for _, p := range w.pages {
			for _, part := range p.parts {
				if part.epoch == epoch {
					m.check(p, part)
				}
			}
		}
	}
	for _, p := range w.pages {
		gaps += p.told
		for _, part := range p.parts {
			got += len(part.got)
		}
	}
	w.sent.Range(func(number, _ any) bool {
		if n, _ := number.(uint64); !numbers[n] {
			w.t.Errorf("Send of event %d returned nil, but the log does not hold it", n)
		}
		return true
	})
	w.t.Logf("%d events in %d epochs, %d seen by %d pages, %d gaps", total, len(w.log.epochs), got, len(w.pages), gaps)
	if got == 0 {
		w.t.Error("no page has seen anything")
	}
}

// A model is what pages should receive according to a log.
type model struct {
	t       *testing.T
	epoch   string
	entries map[uint64]modelEntry
	events  []uint64 // offsets, ascending, each message once
	watches map[[2]string][]*modelWatch
}

// A modelWatch is the period in which a user watches a tag: after since and before
// until. A grant that counts from an earlier position than the one before it is
// separate. A page that connected before granted may have been beyond the messages
// between since and granted.
type modelWatch struct{ since, granted, until uint64 }

func newModel(t *testing.T, epoch string, entries map[uint64]modelEntry) *model {
	m := &model{t: t, epoch: epoch, entries: entries, watches: make(map[[2]string][]*modelWatch)}
	offsets := make([]uint64, 0, len(entries))
	for offset := range entries {
		offsets = append(offsets, offset)
	}
	slices.Sort(offsets)
	for i := 1; i < len(offsets); i++ { // sentinels are not recorded
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

func (m *model) take(offset uint64, e *modelEntry) {
	switch e.kind {
	case 1:
		m.events = append(m.events, offset)
	case 2: // watch: user, cursor, tags
		since := offset
		if epoch, digits, _ := strings.Cut(e.list[1], "."); epoch == m.epoch {
			from, _ := strconv.ParseUint(digits, 10, 64)
			since = min(since, from)
		}
		for _, tag := range e.list[2:] {
			key := [2]string{e.list[0], tag}
			if list := m.watches[key]; len(list) == 0 || list[len(list)-1].until > 0 || list[len(list)-1].since > since {
				m.watches[key] = append(list, &modelWatch{since: since, granted: offset})
			}
		}
	case 4: // unwatch: user, tags
		for _, tag := range e.list[1:] {
			for _, w := range m.watches[[2]string{e.list[0], tag}] {
				if w.until == 0 {
					w.until = offset
				}
			}
		}
	}
}

func (m *model) check(p *modelPage, part *modelPart) {
	got := make(map[uint64]uint64, len(part.got))
	for i, offset := range part.got {
		got[offset] = part.numbers[i]
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
		case !seen && v == always:
			m.t.Errorf("%s did not see %s.%d (between %d and %d, rendered at %v): %s", p, m.epoch, offset, part.from, part.upTo, part.rendered, describe(&params))
		case seen && v == never:
			m.t.Errorf("%s saw %s.%d, which is not for it: %s", p, m.epoch, offset, describe(&params))
		case seen && number != params.Number:
			m.t.Errorf("%s saw number %d at %s.%d, want %d", p, number, m.epoch, offset, params.Number)
		}
	}
	for offset := range got {
		m.t.Errorf("%s saw %s.%d, which the log does not hold (or a second time)", p, m.epoch, offset)
	}
}

// A verdict is whether a page must receive a message.
type verdict int

const (
	never verdict = iota
	perhaps
	always
)

func (m *model) verdict(p *modelPage, part *modelPart, offset uint64) verdict {
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
			for _, watch := range m.watches[[2]string{p.user, tag}] {
				best = max(best, watch.verdict(part, offset))
			}
		}
	}
	return best
}

func (w *modelWatch) verdict(part *modelPart, offset uint64) verdict {
	switch {
	case offset <= w.since || w.until > 0 && offset >= w.until:
		return never
	case offset > w.granted || slices.Contains(part.rendered, w.since) && !part.excused:
		return always
	}
	return perhaps
}

func describe(params *modelParams) string {
	to, err := json.Marshal(params.To)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("number %d to %s, sender %q", params.Number, to, cmp.Or(params.Sender, "-"))
}

package modeltest

import (
	"strconv"
	"strings"
)

// compare compares what the pages received with the log.
func (w *World) compare() {
	w.log.mu.Lock()
	defer w.log.mu.Unlock()

	numbers := make(map[uint64]bool)
	var events, ended int
	var m *model
	for _, epoch := range w.log.order {
		m = newModel(w.t, epoch, w.log.epochs[epoch], m)
		for _, e := range m.events {
			numbers[m.entries[e].params.Number] = true
		}
		events += len(m.events)
		ended += len(m.ended)
		for _, p := range w.pages {
			for _, part := range p.parts {
				if part.epoch == epoch {
					m.check(p, part)
					m.checkHeard(p, part)
					m.checkSessions(p, part)
				}
			}
		}
	}
	w.checkEpochs()
	w.checkGaps()
	w.checkSent(numbers)
	w.summarize(events)
	if w.Sessions {
		w.t.Logf("%d sessions were ended", ended)
	}
}

// checkEpochs checks that the epoch has changed only when it may.
func (w *World) checkEpochs() {
	if losses, renewed := w.losses.Load(), w.renewed.Load(); int64(len(w.log.order)) > 1+losses+renewed {
		w.t.Errorf("got epochs %q after %d losses of the log and %d faults that may change it", w.log.order, losses, renewed)
	}
	for _, p := range w.pages {
		for _, part := range p.parts {
			if w.log.epochs[part.epoch] == nil && len(part.got) > 0 {
				w.t.Errorf("%s received %d events in epoch %s, want one of %q", p, len(part.got), part.epoch, w.log.order)
			}
		}
	}
}

// checkGaps checks the gaps that left the epoch as it was. One is allowed if a watch of
// the user counts from before the cursor of the page, and came into the log after it.
func (w *World) checkGaps() {
	for _, g := range w.gaps {
		epoch, digits, _ := strings.Cut(g.cursor, ".")
		at, _ := strconv.ParseUint(digits, 10, 64)
		late := false
		for offset, e := range w.log.epochs[epoch] {
			if e.kind == 2 && e.list[0] == g.page.user && offset > at {
				from, since, _ := strings.Cut(e.list[1], ".")
				n, _ := strconv.ParseUint(since, 10, 64)
				late = late || from == epoch && n < at
			}
		}
		if !late {
			w.t.Errorf("%s: gap at %d in its epoch, connected with %q", g.page, g.offset, g.cursor)
		}
	}
}

// checkSent checks that the log holds what it has accepted.
func (w *World) checkSent(numbers map[uint64]bool) {
	losses := w.losses.Load()
	w.sent.Range(func(number, before any) bool {
		n, _ := number.(uint64)
		if excused := before != losses && !w.CrashesLose; !numbers[n] && !excused {
			w.t.Errorf("Send of event %d returned nil, but the log does not hold it", n)
		}
		return true
	})
}

func (w *World) summarize(events int) {
	var got, gaps, within int
	for _, p := range w.pages {
		gaps += p.told
		within += p.within
		for _, part := range p.parts {
			got += len(part.got)
		}
	}
	w.t.Logf("%d events in %d epochs, %d seen by %d pages, %d gaps, %d of them within an epoch; %d nodes were killed and %d restarted; %d grants were ok and %d a gap",
		events, len(w.log.order), got, len(w.pages), gaps, within, w.crashes.Load(), w.stops.Load(), w.states["ok"].Load(), w.states["gap"].Load())
	if w.Gapless && gaps > 0 {
		w.t.Errorf("pages were notified of %d gaps, want none", gaps)
	}
	said, heard := w.said.Load(), w.heard.Load()
	w.t.Logf("pages have sent %d messages and received %d", said, heard)
	if said > 100 && heard == 0 {
		w.t.Error("no page has received a message of another")
	}
	if got == 0 {
		w.t.Error("no page has seen anything")
	}
}

package explain

import (
	"fmt"
	"slices"
	"strings"
)

// verdict sums up the answers. It claims nothing about sessions that the node does not
// know.
func (f *Facts) verdict(results []Result) string {
	n := countOutcomes(results)
	switch {
	case n[Sent] > 0:
		return f.verdictOfSent(results, n)
	case n[Waiting] > 0:
		return fmt.Sprintf("The event is on its way to %s of %s.", count(n[Waiting], "session"), f.who())
	case !f.isAddressed() && n[Perhaps] == 0 && !f.isCovered():
		return f.verdictOfTarget() + f.elsewhere()
	case len(results) == 0 || f.hasMoved(results, n):
		return f.verdictOfAbsence() + f.elsewhere()
	}
	return f.verdictOfMissed(results, n) + f.elsewhere()
}

// verdictOfSent is the verdict about an event that a session got.
func (f *Facts) verdictOfSent(results []Result, n map[Outcome]int) string {
	for i := range results {
		if r := &results[i]; r.Outcome == Sent && r.Tab != "" && n[Sent] == 1 {
			return fmt.Sprintf("The other tabs of the page got the event. Tab %s did not, because it has sent it, and the event excepts its sender.", r.Tab)
		}
	}
	text := fmt.Sprintf("%s got the event on this node: it was sent to %s", upper(f.who()), count(n[Sent], "session"))
	if n[Waiting] > 0 {
		text += fmt.Sprintf(", and is on its way to %d more", n[Waiting])
	}
	if others := len(results) - n[Sent] - n[Waiting] - n[Before]; others > 0 {
		text += fmt.Sprintf("; %d did not get it, or not surely", others)
	}
	return text + "."
}

// verdictOfTarget is the verdict about an event that is not for the user.
func (f *Facts) verdictOfTarget() string {
	switch {
	case f.Lost && f.hasTags():
		return fmt.Sprintf("It is not known whether the event was for %s. %s", f.who(), lostWatches)
	case f.isExcepted():
		return upper(f.who()) + " did not get the event, because the target excepts the user."
	case f.hasTags():
		return upper(f.who()) + " did not get the event on this node, because no watch covers it."
	}
	return upper(f.who()) + " did not get the event, because it is for others."
}

// verdictOfAbsence is the verdict about an event for a user who has no session here.
func (f *Facts) verdictOfAbsence() string {
	text := "The event is for the user, who has no session on this node."
	switch {
	case f.User == "":
		text = "The event is for guests, of whom none is connected to this node."
	case len(f.Nodes) > 0:
		return "The event is for the user, who is connected to another node."
	}
	if f.hasExpired() {
		return text + " It has expired: a page that comes now does not get it."
	}
	return text + " A page that returns with a cursor of before gets it, as long as the window has it."
}

// verdictOfMissed is the verdict about an event that no session is known to have got.
func (f *Facts) verdictOfMissed(results []Result, n map[Outcome]int) string {
	page := "The user's page"
	if f.User == "" {
		page = "A guest's page"
	}
	switch {
	case n[Gap] > 0:
		return page + " was notified of a gap, of which the event is a part, so that it fetches its state again."
	case n[Perhaps] > 0:
		return page + " may have got the event; the sessions show what is known."
	case n[Not] > 0 && n[Not]+n[NotFor] < len(results):
		return "Not every session got the event; the sessions show why."
	case n[Before] > 0:
		return page + " was beyond the event when it connected: it got it before, or did not need it any more."
	case n[Not] == 1:
		return page + " did not get the event. " + detailOf(results, Not)
	case n[Not] > 1:
		return fmt.Sprintf("None of %d sessions got the event; the sessions show why.", n[Not])
	}
	return page + " did not get the event. " + detailOf(results, NotFor)
}

// detailOf returns the detail of the first session with an outcome.
func detailOf(results []Result, o Outcome) string {
	for i := range results {
		if results[i].Outcome == o {
			return results[i].Detail
		}
	}
	return ""
}

// elsewhere returns what the node cannot know, as sentences after the verdict, or "". It
// does not matter for an event that no page of the user can have got.
func (f *Facts) elsewhere() string {
	var s strings.Builder
	switch {
	case !f.isAddressed() && !f.hasTags():
		return ""
	case len(f.Nodes) > 0:
		s.WriteString(" What the user's pages got on " + count(len(f.Nodes), "other node") + ", only the inspector there shows.")
	case f.Others > 0:
		s.WriteString(" What pages got on other nodes, only those know.")
	}
	if f.hasForgotten() {
		fmt.Fprintf(&s, " Sessions that ended before %s are not known to this node.", clock(f.KnownSince))
	}
	return s.String()
}

// hasForgotten reports whether the node may have had a session that got the event, or be
// the successor of one that had, and not know it.
func (f *Facts) hasForgotten() bool { return f.Event.Time.Before(f.KnownSince) }

// who names the user.
func (f *Facts) who() string {
	if f.User == "" {
		return "guests"
	}
	return "the user"
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// hasMoved reports whether the user's sessions here have ended without the event, and
// another node has some.
func (f *Facts) hasMoved(results []Result, n map[Outcome]int) bool {
	lives := func(r Result) bool { return r.Ended.IsZero() }
	return len(f.Nodes) > 0 && n[Not] == len(results) && !slices.ContainsFunc(results, lives)
}

// isCovered reports whether a page of the user watches a tag of the event itself.
func (f *Facts) isCovered() bool {
	for i := range f.Sessions {
		if f.Sessions[i].Covered {
			return true
		}
	}
	return false
}

// isExcepted reports whether an exception is what keeps the user from the event.
func (f *Facts) isExcepted() bool {
	for i := range f.Terms {
		if m := &f.Terms[i]; m.Excepted && (m.Shared || m.Named || m.isWatched()) {
			return true
		}
	}
	return false
}

package explain

import (
	"fmt"
	"slices"
)

// verdict sums up the answers in a sentence.
func (f *Facts) verdict(results []Result) string {
	n := countOutcomes(results)
	switch {
	case n[Sent]+n[Waiting] > 0:
		return fmt.Sprintf("%s on this node: sent to %d, on its way to %d.", f.got(), n[Sent], n[Waiting])
	case !f.isAddressed() && n[Perhaps] == 0:
		return f.verdictOfTarget()
	case n[Not] == len(results) && (len(results) == 0 || f.hasMoved(results)):
		return f.verdictOfAbsence()
	case n[Gap] > 0:
		return "The user's page did not get the event, or not surely, and was notified of a gap instead."
	case n[Perhaps] > 0:
		return "The user's page may have got the event; the sessions show what is known."
	case n[Before] > 0:
		return "The user's page had the event before it connected here."
	case n[Not] > 0:
		return "The event is for the user, but the session here did not get it: see there."
	}
	return "The user's only page here has sent the event, which excepts its sender."
}

// verdictOfTarget is the verdict about an event that is not for the user.
func (f *Facts) verdictOfTarget() string {
	switch {
	case f.isExcepted():
		return "The user did not get the event, because the target excepts the user."
	case f.Lost && f.hasTags():
		return "It is not known whether the event was for the user. " + lostWatches
	case f.hasTags():
		return "The user did not get the event, because it was not for the user: no watch covers it."
	}
	return "The user did not get the event, because it is for others."
}

// verdictOfAbsence is the verdict about an event for a user who has no session here.
func (f *Facts) verdictOfAbsence() string {
	switch {
	case len(f.Nodes) > 0:
		return "The event is for the user, who is connected to another node: see the inspector of that node."
	case f.hasExpired():
		return "The event was for the user, who has no session on this node. It has expired: a page that comes now does not get it."
	}
	return "The event is for the user, who has no session on this node. A page that returns with an earlier cursor gets it, as long as the window has it."
}

// hasMoved reports whether the user's sessions here have ended, and another node has some.
func (f *Facts) hasMoved(results []Result) bool {
	return len(f.Nodes) > 0 && !slices.ContainsFunc(results, func(r Result) bool { return r.Ended.IsZero() })
}

// got begins the verdict about an event that pages got.
func (f *Facts) got() string {
	if f.User == "" {
		return "Guests got the event"
	}
	return "The user got the event"
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

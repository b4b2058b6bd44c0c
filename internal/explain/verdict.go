package explain

import "fmt"

// verdict sums up the answers in a sentence.
func (f *Facts) verdict(results []Result) string {
	var n [7]int
	order := []Outcome{Sent, Waiting, Gap, Before, Perhaps, Not, NotFor}
	for i := range results {
		for at, o := range order {
			if results[i].Outcome == o {
				n[at]++
			}
		}
	}
	if sum := n[0] + n[1]; sum > 0 {
		return fmt.Sprintf("%s on this node: sent to %d, on its way to %d.", f.got(), n[0], n[1])
	}
	switch {
	case !f.isAddressed() && n[4] == 0 && f.isExcepted():
		return "The user did not get the event, because the target excepts the user."
	case !f.isAddressed() && n[4] == 0 && f.Lost && f.hasTags():
		return "It is not known whether the event was for the user. " + lostWatches
	case !f.isAddressed() && n[4] == 0 && f.hasTags():
		return "The user did not get the event, because it was not for the user: no watch covers it."
	case !f.isAddressed() && n[4] == 0:
		return "The user did not get the event, because it is for others."
	case n[2] > 0:
		return "The user's page did not get the event, or not surely, and was notified of a gap instead."
	case n[4] > 0:
		return "The user's page may have got the event; the sessions show what is known."
	case n[3] > 0:
		return "The user's page had the event before it connected here."
	case n[6] > 0 && n[5] == 0:
		return "The user's only page here has sent the event, which excepts its sender."
	case n[5] > 0:
		return "The event is for the user, but the session here did not get it: see there."
	case len(f.Nodes) > 0:
		return "The event is for the user, who is connected to another node: ask there."
	case f.hasExpired():
		return "The event was for the user, who has no session on this node. It has expired: a page that comes now does not get it."
	}
	return "The event is for the user, who has no session on this node. A page that returns with a cursor of before gets it, as long as the window has it."
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

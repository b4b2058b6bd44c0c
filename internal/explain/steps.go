package explain

import (
	"cmp"
	"fmt"
	"strings"
)

// lostWatches is why a node may not know whether the user watched a tag.
const lostWatches = "This node may not know all watches of the user: the user had too many, or the node has read too little of the log."

// docs returns the place of a heading in the guide.
func docs(heading string) string { return "docs/why.md#" + heading }

func (f *Facts) inLog() Step {
	s := Step{Question: "Is the event in the log?", Docs: docs("the-log")}
	at, e := f.At, f.Event
	switch {
	case e != nil:
		s.Answer = "Yes"
		s.Detail = fmt.Sprintf("%s:%s at offset %d, sent at %s.", e.Module, e.Command, e.Offset, clock(e.Time))
	case f.Epoch == "":
		s.Answer, s.Detail = "Not known", "This node has not reached the log yet."
	case at.Epoch != "" && at.Epoch != f.Epoch:
		s.Answer = "In another log"
		s.Detail = fmt.Sprintf("This node reads the log of epoch %s. Pages that come from the one of epoch %s are notified of a gap.", f.Epoch, at.Epoch)
	case at.Offset > f.Last:
		s.Answer = "Not yet"
		s.Detail = fmt.Sprintf("This node has read the log up to offset %d. If the request has succeeded, its events wait for the log.", f.Last)
	case at.Offset < f.First:
		s.Answer = "Not any more"
		s.Detail = fmt.Sprintf("The window of this node begins at offset %d. A page that would need an older event is notified of a gap.", f.First)
	default:
		s.Answer = "No"
		s.Detail = fmt.Sprintf("What is at offset %d is no event for pages: a message that nodes send to one another, a notification alone, a repetition, or a message of a page, which is delivered once and not kept.", at.Offset)
	}
	return s
}

func (f *Facts) expired() Step {
	s := Step{Question: "Has it expired?", Answer: "No", Docs: docs("expired")}
	s.Detail = fmt.Sprintf("It is replayed until %s.", f.Event.Expires.UTC().Format("2006-01-02 15:04:05"))
	if f.hasExpired() {
		s.Answer = "Yes"
		s.Detail = fmt.Sprintf("It was replayed until %s. Pages that connected later did not get it; those that were connected did.", f.Event.Expires.UTC().Format("2006-01-02 15:04:05"))
	}
	return s
}

func (f *Facts) addressed() Step {
	s := Step{Question: "Is it addressed to the user?", Answer: "No", Detail: "It is for " + f.Event.To() + ".", Docs: docs("addressed")}
	switch {
	case f.isAddressed():
		s.Answer = "Yes"
	case f.isCovered():
		s.Answer, s.Detail = "To a page", s.Detail+" A page of the user watches a tag of it itself."
	case f.Lost && f.hasTags():
		s.Answer = "Not known"
	}
	return s
}

// watched returns a step for each tag of the target that is shown, and one for the others.
func (f *Facts) watched() []Step {
	var steps []Step
	more, covered := 0, ""
	for i := range f.Terms {
		m := &f.Terms[i]
		for j := range m.Tags {
			steps = append(steps, f.watchedTag(&m.Tags[j]))
		}
		more += m.MoreTags
		covered = cmp.Or(covered, m.MoreCovered)
	}
	if more > 0 {
		steps = append(steps, f.watchedMore(more, covered))
	}
	return steps
}

func (f *Facts) watchedMore(tags int, covered string) Step {
	s := Step{Question: "Did the user watch one of the other tags?", Answer: "No", Docs: docs("watches")}
	s.Detail = fmt.Sprintf("The target has %s that are not shown.", count(tags, "tag"))
	switch {
	case covered != "":
		s.Answer, s.Detail = "Yes", fmt.Sprintf("%s A watch covers %s.", s.Detail, covered)
	case f.Lost:
		s.Answer, s.Detail = "Not known", s.Detail+" "+lostWatches
	}
	return s
}

func (f *Facts) watchedTag(m *TagMatch) Step {
	s := Step{Question: fmt.Sprintf("Did the user watch %s when it was sent?", m.Tag), Answer: "No", Docs: docs("watches")}
	var all []string
	for i := range m.Watches {
		all = append(all, f.describeWatch(&m.Watches[i]))
	}
	s.Detail = strings.Join(all, " ")
	switch {
	case m.Covered:
		s.Answer = "Yes"
	case f.User == "":
		s.Detail = "Guests watch nothing but what their pages watch themselves."
	case f.Lost:
		s.Answer, s.Detail = "Not known", strings.TrimSpace(s.Detail+" "+lostWatches)
	case len(all) == 0:
		s.Detail = "The node knows no watch of the user. It may have been granted on no page, or have ended longer ago than the window reaches back."
	}
	if m.Covered && f.Late > 0 {
		s.Detail = strings.TrimSpace(fmt.Sprintf("%s It came into the log at offset %d, after the event.", s.Detail, f.Late))
	}
	return s
}

func (f *Facts) describeWatch(w *Watch) string {
	o := f.Event.Offset
	switch {
	case w.Since >= o:
		return fmt.Sprintf("A watch began later, at offset %d.", w.Since)
	case w.Until > 0 && w.Until <= o:
		return fmt.Sprintf("A watch had ended at offset %d.", w.Until)
	case !f.Event.Time.Before(w.Expires):
		return fmt.Sprintf("A watch had expired at %s; the page did not extend it.", clock(w.Expires))
	case w.Until > 0:
		return fmt.Sprintf("A watch covers the offsets from %d to %d.", w.Since+1, w.Until-1)
	}
	return fmt.Sprintf("A watch covers the offsets from %d on, until %s.", w.Since+1, clock(w.Expires))
}

func (f *Facts) excepted() Step {
	s := Step{Question: "Is the user excepted?", Answer: "No", Docs: docs("excepted")}
	for i := range f.Terms {
		m := &f.Terms[i]
		if m.Excepted && (m.Shared || m.Named || len(m.Tags)+m.MoreTags > 0) {
			s.Answer, s.Detail = "Yes", "Target.Except names the user."
			if f.isAddressed() {
				s.Detail = "Target.Except names the user in one part of the target, but another part is for the user."
			}
		}
	}
	return s
}

func (f *Facts) sender() Step {
	s := Step{Question: "Did the user's own page send it?", Answer: "No", Docs: docs("sender")}
	switch {
	case f.Owner != "":
		s.Answer = "Yes"
		s.Detail = fmt.Sprintf("Page %s made the request, and Event.ExceptSender is set: it does not get the event, the user's other pages do.", f.Owner)
	case f.Event.Sender:
		s.Detail = "Event.ExceptSender is set, but the page is another user's."
	}
	return s
}

// connected returns the step about other nodes, and about nobody being connected.
func (f *Facts) connected() Step {
	s := Step{Question: "Is the user connected?", Answer: "No", Docs: docs("connected")}
	living := 0
	for i := range f.Sessions {
		if f.Sessions[i].Ended.IsZero() {
			living++
		}
	}
	switch {
	case living > 0:
		s.Answer = "Yes"
		s.Detail = fmt.Sprintf("With %s to this node.", count(living, "session"))
	case f.Online && len(f.Nodes) == 0:
		s.Answer, s.Detail = "A moment ago", "The last page has left, and the user still counts as online."
	default:
		s.Detail = "There is no session on this node."
	}
	if f.More {
		s.Detail += " There are more sessions than are shown."
	}
	if f.hasForgotten() {
		s.Detail += fmt.Sprintf(" This node knows no sessions that ended before %s.", clock(f.KnownSince))
	}
	if f.User == "" && f.Others > 0 {
		s.Detail += " Other nodes may have guests, too."
	}
	if len(f.Nodes) > 0 {
		if living == 0 {
			s.Answer = "Elsewhere"
		}
		s.Detail += fmt.Sprintf(" The user is on %s: %s. Only that node knows what its pages got.", count(len(f.Nodes), "other node"), strings.Join(f.Nodes, ", "))
	}
	return s
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

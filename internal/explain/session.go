package explain

import (
	"fmt"
	"time"
)

// A Session is one connection of a page, which lives or has ended.
type Session struct {
	User      string
	Client    string // the id of the page; may be empty
	Transport string // "websocket", "sse", or "html"
	Began     time.Time
	Ended     time.Time // zero while it lives

	Epoch    string
	From     uint64 // the page has been given everything for it that is after this offset …
	Joined   uint64 // … of which it has read from the window what is up to this one, before it was live
	Position uint64 // of what was last sent or queued
	Last     uint64 // it was given everything up to here; what is after that waits if it is behind

	Recovered bool   // it began at a cursor
	Gap       string // the cause of its last gap, as in Stats.GapsBy; "" if it had none
	LiveGap   bool   // it had that while it was connected

	Behind  bool // it has to read the window from Last on
	Lagged  bool // it has read the window after it had been live
	Passed  bool // a watch came when it had passed events that the watch covers
	Granted bool // it has watched tags itself
	Early   bool // events of before Settled are on their way to it, because of a watch
	Closing bool // nothing more is sent
	Idle    bool // nothing is queued

	Queued int      // bytes
	Tags   []string // that the page watches itself; only while it lives, and not in an explanation

	Reason string // why it has ended, as in Stats.CutBy, or "closed" by the page, or "gone"
	Code   int    // the close code; 0 if there was none

	// What concerns the event that is explained.
	Sender        bool   // the page has sent it, and it excepts its sender
	Tab           string // the tab of the page that has sent it, likewise
	Covered       bool   // the page's own watches cover it
	TooLate       bool   // … but the page had passed it when it presented the grant, which was no gap then
	WatchFrom     uint64 // the page watches a tag of it itself, but from this later offset on; 0 if not
	Unsure        bool   // it may have been covered by a watch of the page that has ended
	ReplacedBy    uint64 // a later event of its series that is for the page
	MaybeReplaced bool   // there may be one: the series has too many to look at all of them
	NoPlace       bool   // the html stream has no place for it
}

// decide returns what became of the event at a session.
func (f *Facts) decide(s *Session) (Outcome, string) {
	switch {
	case s.Epoch != f.Epoch:
		return Not, "The connection was one to the log before, which is lost. The page is notified of a gap when it returns."
	case s.Sender:
		return NotFor, "The page has sent the event, which excepts its sender."
	case !f.isAddressed() && !s.Covered:
		return f.decideForeign(s)
	case s.NoPlace:
		return NotFor, "The dialect of this html stream has fragments, and no events: the client gets the position alone."
	case f.Event.Offset <= s.From:
		return f.decideBefore(s)
	case f.Event.Offset > s.Position && !s.Ended.IsZero():
		return Not, fmt.Sprintf("The connection ended at offset %d, before the event. The page gets it when it returns with its cursor.", s.Position)
	case f.Event.Offset > s.Position && s.Closing:
		return Not, fmt.Sprintf("The connection is being closed (%s), and the page has got everything up to offset %d. The page gets the event when it returns with its cursor.", s.Reason, s.Position)
	}
	return f.decideGiven(s)
}

// decideForeign is decide for an event that is not for the user, nor for the page by a
// watch of its own.
func (f *Facts) decideForeign(s *Session) (Outcome, string) {
	switch {
	case s.TooLate:
		return Perhaps, "The page watches a tag of the event itself. When it presented the grant, it had passed the event, and had got it for another reason or did not need it."
	case s.Unsure:
		return Perhaps, "The page has watched tags itself, which it does not watch any more. Which ones is not kept."
	case f.Lost:
		return Perhaps, lostWatches
	}
	if s.WatchFrom > 0 {
		return NotFor, fmt.Sprintf("The page watches a tag of the event itself, but only from offset %d on. If the grant was older than the event, the page was notified that it has a gap.", s.WatchFrom)
	}
	return NotFor, "The event is not for the user, and the page watches none of its tags itself."
}

// decideBefore is decide for an event that precedes what the session was given.
func (f *Facts) decideBefore(s *Session) (Outcome, string) {
	switch {
	case s.Gap != "" && s.LiveGap:
		return Gap, fmt.Sprintf("The page was notified of a gap (%s) at offset %d, after the event, and should fetch its state again.", s.Gap, s.From)
	case s.Gap != "":
		return Gap, fmt.Sprintf("The page came back with a cursor that could not be continued (%s). It was notified of a gap at offset %d, after the event, and should fetch its state again.", s.Gap, s.From)
	case s.Passed && s.Recovered:
		return Perhaps, "A watch came into the log when the page had passed events that it covers. Those before are not known to have been sent."
	case s.Recovered:
		return Before, fmt.Sprintf("The page connected with a cursor at offset %d: %s.", s.From, f.whyBefore(s))
	}
	return Not, fmt.Sprintf("The page connected without a cursor when the log was at offset %d, after the event. A page that Plugin.Head, or a cursor in its script, has given a cursor misses nothing.", s.From)
}

// whyBefore returns why the cursor of a page is beyond the event.
func (f *Facts) whyBefore(s *Session) string {
	switch {
	case f.hasExpired():
		return "it had got the event, was rendered after it, or came back when the event had expired"
	case s.ReplacedBy > 0 || s.MaybeReplaced:
		return "it had got the event or a later one of its Keep key, or was rendered after it"
	}
	return "it had got the event, or was rendered after it"
}

// decideGiven is decide for an event that is at the position of the session, or before it,
// or still to come.
func (f *Facts) decideGiven(s *Session) (Outcome, string) {
	o := f.Event.Offset
	read := o <= s.Joined || s.Lagged || s.Behind && o > s.Last // from the window, where events expire and are replaced
	switch {
	case f.isLateFor(s):
		return Perhaps, fmt.Sprintf("The watch came into the log at offset %d, after the event. The page got the event if it had not passed it; otherwise it gets it only if it was rendered by the request that watched.", f.Late)
	case read && s.ReplacedBy > 0:
		return Perhaps, fmt.Sprintf("A page that has missed events gets only the last one of a Keep key, which is at offset %d.", s.ReplacedBy)
	case read && s.MaybeReplaced:
		return Perhaps, "A page that has missed events gets only the last one of a Keep key. This one has too many later ones to look at all of them."
	case o <= s.Joined && f.Event.Expires.Unix() <= s.Began.Unix():
		return Not, "The event had expired when the page connected: what the page had missed was replayed without it."
	case read && f.hasExpired():
		return Perhaps, "The event has expired. The page did not get it if it read the window later than that."
	case !s.Ended.IsZero(), s.Closing:
		return Perhaps, fmt.Sprintf("It was sent or queued before the connection ended (%s). If it did not arrive, the page gets it when it returns with its cursor.", s.Reason)
	case s.Behind && o > s.Last:
		return Waiting, fmt.Sprintf("The page reads the window and is at offset %d.", s.Last)
	case o > s.Position && (o > f.Settled || s.Early):
		return Waiting, "The node is giving it to its pages at this moment."
	case !s.Idle:
		return Waiting, fmt.Sprintf("It is among the %d bytes that wait for the page to read, unless it has just been written.", s.Queued)
	case s.Tab != "":
		return Sent, fmt.Sprintf("It was written to the connection. The tab %s has sent the event, which excepts its sender: the other tabs get it.", s.Tab)
	}
	return Sent, "It was written to the connection. If nothing happens on the page, look at its hooks, and at the section of the module."
}

// isLateFor reports whether the event is the user's only by a watch that came after it,
// and the page may have passed it by then.
func (f *Facts) isLateFor(s *Session) bool {
	if f.Late == 0 || f.isCertain() || s.Joined >= f.Late && !s.Passed && !s.TooLate {
		return false
	}
	return s.Passed || s.Granted || s.ReplacedBy > 0 || s.MaybeReplaced || f.hasExpired()
}

// step returns the result as a step.
func (r *Result) step() Step {
	name := r.Client
	if name == "" {
		name = "without a client id"
	}
	when := "since " + clock(r.Began)
	if !r.Ended.IsZero() {
		when = fmt.Sprintf("from %s to %s", clock(r.Began), clock(r.Ended))
	}
	return Step{
		Question: fmt.Sprintf("What became of it at session %s (%s, %s)?", name, r.Transport, when),
		Answer:   answers[r.Outcome], Detail: r.Detail, Docs: docs("sessions"),
	}
}

var answers = map[Outcome]string{ //nolint:gochecknoglobals // a constant
	Sent: "Sent", Waiting: "On its way", Perhaps: "Not known", Before: "Beyond it already", Gap: "Notified of a gap",
	NotFor: "Not for this page", Not: "Not sent",
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

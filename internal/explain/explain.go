// Package explain answers why a user did, or did not, get an event. It decides from
// facts that a node has collected, and has no state of its own.
package explain

import (
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

// An Explanation is the answer to "why did this user not get that event?".
type Explanation struct {
	User     string // "" for guests
	At       envelope.Cursor
	Event    *Event // nil if the window of this node does not have it
	Steps    []Step // in the order in which they decide
	Sessions []Result
	Verdict  string // a sentence
}

// A Step is one question on the way to the verdict.
type Step struct {
	Question string
	Answer   string // a few words
	Detail   string // sentences; may be empty
	Docs     string // the part of the documentation, such as "docs/why.md#expired"
	Decides  bool   // the verdict follows from it
}

// A Result is what became of the event at one session.
type Result struct {
	Session

	Outcome Outcome
	Detail  string
}

// An Outcome is what became of an event at one session.
type Outcome string

// The outcomes.
const (
	Sent    Outcome = "sent"    // the connection has got it
	Waiting Outcome = "waiting" // it is on its way: in the queue, or to be read from the window
	Perhaps Outcome = "perhaps" // the node does not know any more
	Before  Outcome = "before"  // the page was beyond it when it connected: it had it, or was rendered with it
	Gap     Outcome = "gap"     // the page was notified of a gap instead
	NotFor  Outcome = "not for" // it is not for the page
	Not     Outcome = "not"     // the page did not get it over this connection
)

// Facts are what a node knows about one event and one user.
type Facts struct {
	User string
	At   envelope.Cursor
	Now  time.Time

	// The log as the node has read it.
	Epoch       string
	First, Last uint64 // the window has all events from First to Last
	Settled     uint64 // pages have been given everything up to here
	Node        string

	Event *Event  // nil if the window has no event at the offset
	Terms []Match // of the event's target, as they match the user
	Owner string  // the client id of the user's page that has sent the event; "" if that is none
	Late  uint64  // offset at which the watch came that makes the event the user's; 0 if it came before the event
	Lost  bool    // the node may not know a watch of the user that covers the event

	Sessions   []Session // of the user on this node, the living first
	More       bool      // there are more
	KnownSince time.Time // sessions that ended before may not be known any more
	Nodes      []string  // other nodes that have announced the user
	Others     int       // other nodes that have shared the log lately
	Online     bool      // on any node
}

// A Match is how one term of an event's target matches a user.
type Match struct {
	Shared      bool
	Named       bool
	Tags        []TagMatch // the first of the term
	MoreTags    int        // how many are left out
	MoreCovered string     // one of these that a watch covers; "" if there is none
	Excepted    bool
}

// A TagMatch is how a tag of the target matches the watches of the user.
type TagMatch struct {
	Tag     string
	Covered bool    // by one of the watches
	Watches []Watch // of this tag
}

// A Watch is a user's watch of a tag.
type Watch struct {
	Tag     string
	Since   uint64 // covers events after this offset …
	Until   uint64 // … and before this one; 0 if it has not ended
	Expires time.Time
}

// isFor reports whether the user, and not only one page, is at the term's address.
func (m *Match) isFor() bool {
	return !m.Excepted && (m.Shared || m.Named || m.isWatched())
}

func (m *Match) isWatched() bool {
	if m.MoreCovered != "" {
		return true
	}
	for i := range m.Tags {
		if m.Tags[i].Covered {
			return true
		}
	}
	return false
}

// isAddressed reports whether any term is for the user.
func (f *Facts) isAddressed() bool {
	for i := range f.Terms {
		if f.Terms[i].isFor() {
			return true
		}
	}
	return false
}

// isCertain reports whether the user is at the address without a watch.
func (f *Facts) isCertain() bool {
	for i := range f.Terms {
		if m := &f.Terms[i]; !m.Excepted && (m.Shared || m.Named) {
			return true
		}
	}
	return false
}

// hasTags reports whether the event is for a tag, and the user not excepted from that.
func (f *Facts) hasTags() bool {
	for i := range f.Terms {
		if m := &f.Terms[i]; !m.Excepted && len(m.Tags)+m.MoreTags > 0 {
			return true
		}
	}
	return false
}

// hasExpired reports whether the event is not replayed any more.
func (f *Facts) hasExpired() bool { return !f.Now.Before(f.Event.Expires) }

// Explain answers from the facts.
func Explain(f *Facts) Explanation {
	e := Explanation{User: f.User, At: f.At, Event: f.Event}
	e.Steps = append(e.Steps, f.inLog())
	if f.Event == nil {
		e.Verdict = e.Steps[0].Detail
		f.markDecisive(&e)
		return e
	}
	e.Steps = append(e.Steps, f.expired(), f.addressed())
	e.Steps = append(e.Steps, f.watched()...)
	e.Steps = append(e.Steps, f.excepted(), f.sender())
	for i := range f.Sessions {
		outcome, detail := f.decide(&f.Sessions[i])
		r := Result{f.Sessions[i], outcome, detail}
		e.Sessions = append(e.Sessions, r)
		e.Steps = append(e.Steps, r.step())
	}
	e.Steps = append(e.Steps, f.connected())
	e.Verdict = f.verdict(e.Sessions)
	f.markDecisive(&e)
	return e
}

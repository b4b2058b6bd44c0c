package explain

import (
	"strings"
	"testing"
	"time"
)

// A verdict claims neither that a user got an event nor that he did not where the node
// cannot know.
func TestVerdictClaimsNoMoreThanIsKnown(t *testing.T) {
	toTag := func(f *Facts) {
		f.Terms, f.Event.Target = []Match{{Tags: []TagMatch{{Tag: "T"}}}}, []Term{{Tags: []string{"T"}}}
	}
	gone := func(f *Facts) { f.Sessions[0].Ended, f.Sessions[0].Position = now, 45 }
	for _, c := range []struct {
		name   string
		change func(*Facts)
		want   string   // the beginning
		more   []string // what else it has
		not    string   // what it lacks; not checked if empty
	}{
		{"written", func(*Facts) {}, "The user got the event on this node: it was sent to 1 session.", nil, "other nodes"},
		{"written to one of three", func(f *Facts) {
			f.Sessions = append(f.Sessions, session(), session())
			f.Sessions[1].Sender, f.Sessions[2].Idle = true, false
		}, "The user got the event on this node: it was sent to 1 session, and is on its way to 1 more; 1 did not get it", nil, ""},
		{"queued", func(f *Facts) { f.Sessions[0].Idle = false }, "The event is on its way to 1 session of the user.", nil, "got"},
		{"sent by the only tab that is known", func(f *Facts) { f.Sessions[0].Tab = "3" }, "The other tabs of the page got the event. Tab 3 did not", nil, ""},
		{"no place for it", func(f *Facts) { f.Sessions[0].NoPlace = true }, "The user's page did not get the event. The dialect", nil, ""},
		{"watched by a page that had a gap", func(f *Facts) {
			toTag(f)
			s := &f.Sessions[0]
			s.Covered, s.From, s.Joined, s.Gap, s.LiveGap, s.Recovered = true, 60, 60, "grant", true, false
		}, "The user's page was notified of a gap", nil, "no watch"},
		{"watched by a page that is being closed", func(f *Facts) {
			toTag(f)
			s := &f.Sessions[0]
			s.Covered, s.Closing, s.Position, s.Reason = true, true, 45, "flood"
		}, "The user's page did not get the event. The connection is being closed (flood)", nil, "no watch"},
		{"not watched, and on another node", func(f *Facts) { toTag(f); f.Nodes = []string{"other"} }, "The user did not get the event on this node, because no watch covers it.", []string{"on 1 other node, only the inspector there shows"}, ""},
		{"not watched, and other nodes", func(f *Facts) { toTag(f); f.Others = 2 }, "The user did not get the event on this node", []string{"on other nodes, only those know"}, ""},
		{"not watched by a session that is not known", func(f *Facts) { toTag(f); f.KnownSince = now }, "The user did not get the event on this node", []string{"ended before 12:00:00 are not known"}, ""},
		{"not watched, alone", toTag, "The user did not get the event on this node, because no watch covers it.", nil, "ended before"},
		{"for others, and on other nodes", func(f *Facts) { f.Terms[0].Named, f.Others, f.KnownSince = false, 2, now }, "The user did not get the event, because it is for others.", nil, "nodes"},
		{"excepted, and on other nodes", func(f *Facts) { f.Terms[0].Excepted, f.Others = true, 2 }, "The user did not get the event, because the target excepts the user.", nil, "nodes"},
		{"excepted, of which not all watches are known", func(f *Facts) {
			f.Terms = []Match{{Shared: true, Excepted: true}, {Tags: []TagMatch{{Tag: "T"}}}}
			f.Sessions, f.Lost = nil, true
		}, "It is not known whether", nil, ""},
		{"no session, and the node has just started", func(f *Facts) { f.Sessions, f.KnownSince = nil, now.Add(-time.Second) }, "The event is for the user, who has no session on this node.", []string{"ended before 11:59:59 are not known"}, ""},
		{"no session, and other nodes", func(f *Facts) { f.Sessions, f.Others = nil, 1 }, "The event is for the user, who has no session on this node.", []string{"What pages got on other nodes, only those know."}, "ended before"},
		{"no guest", func(f *Facts) { f.User, f.Terms[0], f.Sessions = "", Match{Shared: true}, nil }, "The event is for guests, of whom none is connected", nil, "user"},
		{"no guest, expired", func(f *Facts) {
			f.User, f.Terms[0], f.Sessions, f.Event.Expires = "", Match{Shared: true}, nil, now
		}, "The event is for guests, of whom none is connected", []string{"It has expired"}, "user"},
		{"moved to another node", func(f *Facts) { gone(f); f.Nodes = []string{"other"} }, "The event is for the user, who is connected to another node.", []string{"only the inspector there shows"}, ""},
		{"one passed it, the other ended before", func(f *Facts) {
			f.Sessions = append(f.Sessions, session())
			gone(f)
			f.Sessions[1].From, f.Sessions[1].Joined = 60, 60
		}, "Not every session got the event", nil, "had the event"},
		{"two ended before", func(f *Facts) { gone(f); f.Sessions = append(f.Sessions, f.Sessions[0]) }, "None of 2 sessions got the event", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := facts()
			c.change(f)

			got := Explain(f).Verdict

			if !strings.HasPrefix(got, c.want) || c.not != "" && strings.Contains(got, c.not) {
				t.Errorf("got %q, want %q … without %q", got, c.want, c.not)
			}
			for _, more := range c.more {
				if !strings.Contains(got, more) {
					t.Errorf("got %q, want … %s …", got, more)
				}
			}
		})
	}
}

// A cursor beyond an event is no proof that the page had it.
func TestPageBeyondAnExpiredEventMayNotHaveHadIt(t *testing.T) {
	f := facts()
	f.Sessions[0].From, f.Sessions[0].Joined, f.Event.Expires = 60, 60, now

	if r := Explain(f).Sessions[0]; r.Outcome != Before || !strings.Contains(r.Detail, "when the event had expired") {
		t.Errorf("got %q: %s, want that it may have come back too late", r.Outcome, r.Detail)
	}
	f.Event.Expires, f.Sessions[0].ReplacedBy = now.Add(time.Hour), 70
	if r := Explain(f).Sessions[0]; r.Outcome != Before || !strings.Contains(r.Detail, "a later one of its Keep key") {
		t.Errorf("got %q: %s, want that it may have got a later one", r.Outcome, r.Detail)
	}
}

func TestAPagesOwnWatchIsAnAnswer(t *testing.T) {
	f := facts()
	f.Terms[0].Named, f.Sessions[0].Covered = false, true
	f.Terms[0].Tags = []TagMatch{{Tag: "T"}}

	e := Explain(f)

	if s := step(&e, "addressed to the user?"); s.Answer != "To a page" {
		t.Errorf("got %+v, want that it is addressed to a page", s)
	}
}

package explain

import (
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// facts returns those of an event at offset 50 to user 7, who has one session.
func facts() *Facts {
	f := &Facts{
		User: "7", At: envelope.Cursor{Epoch: "log", Offset: 50}, Now: now,
		Epoch: "log", First: 10, Last: 90, Settled: 90, Node: "self", Online: true,
		Event: &Event{
			Offset: 50, Time: now.Add(-time.Minute), Expires: now.Add(time.Hour), Module: "tasks", Command: "update",
			Target: []Term{{Users: []string{"7"}}},
		},
		Terms:    []Match{{Named: true}},
		Sessions: []Session{session()},
	}
	return f
}

// session returns a session that has recovered from offset 40 and got everything since.
func session() Session {
	return Session{
		User: "7", Client: "page", Transport: "websocket", Began: now.Add(-time.Hour),
		Epoch: "log", From: 40, Joined: 45, Position: 90, Last: 90, Recovered: true, Idle: true,
	}
}

func TestEachSessionHasItsAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Facts, *Session)
		want   Outcome
		detail string // a part of it
	}{
		{"it was written", func(*Facts, *Session) {}, Sent, "was written"},
		{"a tab sent it", func(_ *Facts, s *Session) { s.Tab = "3" }, Sent, "The tab 3 has sent"},
		{"in the queue", func(_ *Facts, s *Session) { s.Idle, s.Queued = false, 77 }, Waiting, "77 bytes"},
		{"in the window", func(_ *Facts, s *Session) { s.Behind, s.Last = true, 45 }, Waiting, "is at offset 45"},
		{"in this moment", func(f *Facts, s *Session) { f.Settled, s.Position = 49, 49 }, Waiting, "at this moment"},
		{"by a watch in this moment", func(_ *Facts, s *Session) { s.Early, s.Position = true, 49 }, Waiting, "at this moment"},
		{"an event for Datastar", func(_ *Facts, s *Session) { s.NoPlace = true }, NotFor, "fragments, and no events"},
		{"the page sent it", func(_ *Facts, s *Session) { s.Sender = true }, NotFor, "excepts its sender"},
		{"for others", func(f *Facts, _ *Session) { f.Terms[0].Named = false }, NotFor, "is not for the user"},
		{"excepted", func(f *Facts, _ *Session) { f.Terms[0].Excepted = true }, NotFor, "is not for the user"},
		{"perhaps replaced", func(_ *Facts, s *Session) { s.Lagged, s.MaybeReplaced = true, true }, Perhaps, "too many later ones"},
		{"by a late watch, excepted from another part", func(f *Facts, s *Session) {
			f.Terms = []Match{{Shared: true, Excepted: true}, {Tags: []TagMatch{{Tag: "T", Covered: true}}}}
			f.Late, s.Granted = 60, true
		}, Perhaps, "into the log at offset 60"},
		{"watched by the page itself", func(f *Facts, s *Session) { f.Terms[0].Named, s.Covered = false, true }, Sent, "was written"},
		{"watched by the page too late", func(f *Facts, s *Session) { f.Terms[0].Named, s.TooLate = false, true }, Perhaps, "had passed the event"},
		{"watched by the page from later on", func(f *Facts, s *Session) { f.Terms[0].Named, s.WatchFrom = false, 60 }, NotFor, "from offset 60 on"},
		{"watched by the page before", func(f *Facts, s *Session) { f.Terms[0].Named, s.Unsure = false, true }, Perhaps, "not watch any more"},
		{"watches are missing", func(f *Facts, _ *Session) { f.Terms[0].Named, f.Lost = false, true }, Perhaps, "may not know all watches"},
		{"had it before", func(_ *Facts, s *Session) { s.From, s.Joined = 60, 60 }, Before, "cursor at offset 60"},
		{"came without a cursor", func(_ *Facts, s *Session) { s.From, s.Joined, s.Recovered = 60, 60, false }, Not, "without a cursor"},
		{"a gap when it came", func(_ *Facts, s *Session) { s.From, s.Joined, s.Recovered, s.Gap = 60, 60, false, "window" }, Gap, "(window)"},
		{"a gap while connected", func(_ *Facts, s *Session) {
			s.From, s.Joined, s.Recovered, s.Gap, s.LiveGap = 60, 60, false, "grant", true
		}, Gap, "was notified of a gap (grant)"},
		{"the log broke", func(_ *Facts, s *Session) { s.Epoch = "old" }, Not, "log before"},
		{"left before", func(_ *Facts, s *Session) { s.Ended, s.Position, s.Reason = now, 45, "slow_queue" }, Not, "ended at offset 45"},
		{"left after", func(_ *Facts, s *Session) { s.Ended, s.Reason = now, "dead" }, Perhaps, "(dead)"},
		{"is being closed before", func(_ *Facts, s *Session) { s.Closing, s.Position, s.Reason = true, 45, "flood" }, Not, "(flood)"},
		{"is being closed after", func(_ *Facts, s *Session) { s.Closing, s.Reason = true, "flood" }, Perhaps, "(flood)"},
		{"expired before it came", func(f *Facts, s *Session) {
			s.Joined, s.Began, f.Event.Expires = 60, now.Add(-time.Second), now.Add(-2*time.Second)
		}, Not, "had expired when"},
		{"expired since it came", func(f *Facts, s *Session) { s.Joined, f.Event.Expires = 60, now.Add(-2*time.Second) }, Perhaps, "has expired"},
		{"expired, but it was connected", func(f *Facts, _ *Session) { f.Event.Expires = now.Add(-2 * time.Second) }, Sent, "was written"},
		{"replaced", func(_ *Facts, s *Session) { s.Joined, s.ReplacedBy = 60, 55 }, Perhaps, "at offset 55"},
		{"replaced, but it was connected", func(_ *Facts, s *Session) { s.ReplacedBy = 55 }, Sent, "was written"},
		{"the watch came late", func(f *Facts, s *Session) {
			f.Terms[0], f.Late, s.Passed = Match{Tags: []TagMatch{{Tag: "T", Covered: true}}}, 80, true
		}, Perhaps, "at offset 80"},
		{"the watch came late, but before the page", func(f *Facts, s *Session) {
			f.Terms[0], f.Late, s.Granted, s.Joined = Match{Tags: []TagMatch{{Tag: "T", Covered: true}}}, 80, true, 85
		}, Sent, "was written"},
		{"passed and recovered", func(_ *Facts, s *Session) { s.From, s.Joined, s.Passed = 60, 60, true }, Perhaps, "are not known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := facts()
			c.change(f, &f.Sessions[0])

			e := Explain(f)

			if r := e.Sessions[0]; r.Outcome != c.want || !strings.Contains(r.Detail, c.detail) {
				t.Errorf("got %q: %s, want %q: … %s …", r.Outcome, r.Detail, c.want, c.detail)
			}
			checkTexts(t, &e)
		})
	}
}

func TestEachQuestionHasItsAnswer(t *testing.T) {
	watched := func(f *Facts, w ...Watch) *TagMatch {
		f.Terms[0] = Match{Tags: []TagMatch{{Tag: "T", Watches: w}}}
		f.Event.Target = []Term{{Tags: []string{"T"}}}
		return &f.Terms[0].Tags[0]
	}
	for _, c := range []struct {
		name, question string
		change         func(*Facts)
		answer, detail string
		verdict        string // a part of it
	}{
		{"in the log", "in the log?", func(*Facts) {}, "Yes", "tasks:update at offset 50", "sent to 1"},
		{"no log", "in the log?", func(f *Facts) { f.Event, f.Epoch = nil, "" }, "Not known", "not reached", "not reached"},
		{"another log", "in the log?", func(f *Facts) { f.Event, f.Epoch = nil, "next" }, "In another log", "epoch log are notified", "reads the log of epoch next"},
		{"not yet", "in the log?", func(f *Facts) { f.Event, f.At.Offset = nil, 95 }, "Not yet", "up to offset 90", "up to offset 90"},
		{"not any more", "in the log?", func(f *Facts) { f.Event, f.At.Offset = nil, 5 }, "Not any more", "begins at offset 10", "begins at offset 10"},
		{"no event", "in the log?", func(f *Facts) { f.Event = nil }, "No", "no event for pages", "no event for pages"},
		{"not expired", "expired?", func(*Facts) {}, "No", "until 2026-11-26 13:00:00", "sent to 1"},
		{"expired", "expired?", func(f *Facts) { f.Event.Expires, f.Sessions = now, nil }, "Yes", "connected later", "It has expired"},
		{"addressed", "addressed to the user?", func(*Facts) {}, "Yes", "It is for user 7", "sent to 1"},
		{"for others", "addressed to the user?", func(f *Facts) { f.Terms[0].Named, f.Event.Target[0].Users[0] = false, "8" }, "No", "It is for user 8", "is for others"},
		{"perhaps addressed", "addressed to the user?", func(f *Facts) { watched(f); f.Lost, f.Sessions = true, nil }, "Not known", "It is for tag T", "not known whether"},
		{"never watched", "watch T", func(f *Facts) { watched(f) }, "No", "knows no watch", "no watch covers it"},
		{"watched", "watch T", func(f *Facts) { watched(f, Watch{Since: 20, Expires: now.Add(time.Hour)}).Covered = true }, "Yes", "from 21 on", "sent to 1"},
		{"watched for a while", "watch T", func(f *Facts) { watched(f, Watch{Since: 20, Until: 60, Expires: now}).Covered = true }, "Yes", "from 21 to 59", "sent to 1"},
		{"watched later", "watch T", func(f *Facts) { watched(f, Watch{Since: 50, Expires: now.Add(time.Hour)}) }, "No", "began later, at offset 50", "no watch covers it"},
		{"watch ended", "watch T", func(f *Facts) { watched(f, Watch{Since: 20, Until: 50, Expires: now.Add(time.Hour)}) }, "No", "had ended at offset 50", "no watch covers it"},
		{"watch expired", "watch T", func(f *Facts) { watched(f, Watch{Since: 20, Expires: now.Add(-2 * time.Minute)}) }, "No", "had expired at 11:58:00", "no watch covers it"},
		{"watch came late", "watch T", func(f *Facts) {
			watched(f, Watch{Since: 20, Expires: now.Add(time.Hour)}).Covered = true
			f.Late = 60
		}, "Yes", "into the log at offset 60", "sent to 1"},
		{"watches of guests", "watch T", func(f *Facts) { watched(f); f.User = "" }, "No", "Guests watch nothing", "no watch covers it"},
		{"watches unknown", "watch T", func(f *Facts) { watched(f); f.Lost = true }, "Not known", "may not know all", "may have got"},
		{"many tags", "the other tags", func(f *Facts) { watched(f); f.Terms[0].MoreTags = 3 }, "No", "3 tags that are not shown", "no watch covers it"},
		{"one of many tags", "the other tags", func(f *Facts) { watched(f); f.Terms[0].MoreTags, f.Terms[0].MoreCovered = 3, "U" }, "Yes", "covers U", "sent to 1"},
		{"perhaps one of many tags", "the other tags", func(f *Facts) { watched(f); f.Terms[0].MoreTags, f.Lost = 3, true }, "Not known", "may not know all", "may have got"},
		{"not excepted", "excepted?", func(*Facts) {}, "No", "", "sent to 1"},
		{"excepted", "excepted?", func(f *Facts) { f.Terms[0].Excepted = true }, "Yes", "names the user", "the target excepts the user"},
		{"excepted in a part", "excepted?", func(f *Facts) { f.Terms = append(f.Terms, Match{Shared: true, Excepted: true}) }, "Yes", "another part is for", "sent to 1"},
		{"no sender", "own page send it?", func(*Facts) {}, "No", "", "sent to 1"},
		{"another sender", "own page send it?", func(f *Facts) { f.Event.Sender = true }, "No", "another user's", "sent to 1"},
		{"own sender", "own page send it?", func(f *Facts) {
			f.Event.Sender, f.Owner, f.Sessions[0].Sender = true, "page", true
		}, "Yes", "Page page made the request", "did not get the event. The page has sent"},
		{"connected", "connected?", func(*Facts) {}, "Yes", "With 1 session to", "sent to 1"},
		{"more sessions", "connected?", func(f *Facts) { f.More = true }, "Yes", "more sessions than are shown", "sent to 1"},
		{"nobody", "connected?", func(f *Facts) { f.Sessions, f.Online = nil, false }, "No", "no session on this node", "A page that returns with a cursor"},
		{"grace", "connected?", func(f *Facts) { f.Sessions = nil }, "A moment ago", "still counts", "no session on this node"},
		{"elsewhere", "connected?", func(f *Facts) { f.Sessions, f.Nodes = nil, []string{"other"} }, "Elsewhere", "1 other node: other", "another node"},
		{"gap", "at session page", func(f *Facts) {
			s := &f.Sessions[0]
			s.From, s.Joined, s.Recovered, s.Gap = 60, 60, false, "epoch"
		}, "Notified of a gap", "(epoch)", "was notified of a gap"},
		{"before", "at session page", func(f *Facts) { f.Sessions[0].From, f.Sessions[0].Joined = 60, 60 }, "Beyond it already", "offset 60", "was beyond the event when"},
		{"left", "at session page", func(f *Facts) { f.Sessions[0].Ended, f.Sessions[0].Position = now, 45 }, "Not sent", "offset 45", "did not get the event. The connection ended"},
		{"moved", "connected?", func(f *Facts) {
			f.Sessions[0].Ended, f.Sessions[0].Position, f.Nodes = now, 45, []string{"other"}
		}, "Elsewhere", "1 other node: other", "only the inspector there shows"},
		{"has not moved", "connected?", func(f *Facts) {
			f.Sessions[0].From, f.Sessions[0].Joined, f.Sessions[0].Recovered, f.Nodes = 60, 60, false, []string{"other"}
		}, "Yes", "1 other node: other", "did not get the event"},
		{"perhaps", "at session page", func(f *Facts) { f.Sessions[0].Ended = now }, "Not known", "before the connection ended", "may have got"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := facts()
			c.change(f)

			e := Explain(f)

			s := step(&e, c.question)
			if s == nil || s.Answer != c.answer || !strings.Contains(s.Detail, c.detail) {
				t.Errorf("got %+v, want %q: … %s …", s, c.answer, c.detail)
			}
			if !strings.Contains(e.Verdict, c.verdict) {
				t.Errorf("got the verdict %q, want … %s …", e.Verdict, c.verdict)
			}
			checkTexts(t, &e)
		})
	}
}

func step(e *Explanation, question string) *Step {
	for i := range e.Steps {
		if strings.Contains(e.Steps[i].Question, question) {
			return &e.Steps[i]
		}
	}
	return nil
}

// checkTexts checks that everything is said in sentences.
func checkTexts(t *testing.T, e *Explanation) {
	t.Helper()
	for _, s := range e.Steps {
		if !strings.HasSuffix(s.Question, "?") || s.Answer == "" || s.Docs == "" || s.Detail != strings.TrimSpace(s.Detail) || s.Detail != "" && !strings.HasSuffix(s.Detail, ".") {
			t.Errorf("step %+v lacks a part", s)
		}
	}
	if !strings.HasSuffix(e.Verdict, ".") {
		t.Errorf("the verdict %q is no sentence", e.Verdict)
	}
}

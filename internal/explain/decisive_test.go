package explain

import (
	"strings"
	"testing"
	"time"
)

func TestStepsThatDecideAreMarked(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Facts)
		want   string // parts of the guide of the steps that decide
	}{
		{"not in the log", func(f *Facts) { f.Event = nil }, "the-log"},
		{"it was sent", func(*Facts) {}, "sessions"},
		{"sent to one page of two", func(f *Facts) {
			f.Sessions = append(f.Sessions, session())
			f.Sessions[1].Sender = true
		}, "sessions"},
		{"for others", func(f *Facts) { f.Terms[0].Named = false }, "addressed"},
		{"excepted", func(f *Facts) { f.Terms[0].Excepted = true }, "excepted"},
		{"not watched", func(f *Facts) { f.Terms[0] = Match{Tags: []TagMatch{{Tag: "T"}, {Tag: "U"}}} }, "watches, watches"},
		{"nobody is here", func(f *Facts) { f.Sessions = nil }, "connected"},
		{"nobody is here, and it has expired", func(f *Facts) { f.Sessions, f.Event.Expires = nil, now.Add(-time.Second) }, "expired"},
		{"connected elsewhere", func(f *Facts) { f.Sessions, f.Nodes = nil, []string{"other"} }, "connected"},
		{"a gap", func(f *Facts) { s := &f.Sessions[0]; s.From, s.Joined, s.Recovered, s.Gap = 60, 60, false, "window" }, "sessions"},
		{"its own page sent it", func(f *Facts) { f.Sessions[0].Sender = true }, "sessions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := facts()
			c.change(f)

			e := Explain(f)

			var got []string
			for _, s := range e.Steps {
				if s.Decides {
					got = append(got, strings.TrimPrefix(s.Docs, "docs/why.md#"))
				}
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("the steps about %q decide %q, want those about %q", got, e.Verdict, c.want)
			}
		})
	}
}

package inspect

import (
	"net/url"
	"strings"

	"github.com/echo-pull/pull/internal/explain"
)

// userPage is the contents of the page of a user.
type userPage struct {
	User        string // as requested; "" are the guests
	Requested   bool
	Status      string
	Sessions    []sessionRow
	Left        []sessionRow
	Watches     []string
	MoreWatches int
	Recent      []messageRow
}

// A sessionRow is a connection in a table.
type sessionRow struct {
	Client, Transport string
	Since, Until      string
	Position          uint64
	Waiting           string // what the page has not got yet
	Tags              string
	Reason, Gap       string
}

const (
	shownWatches = 200
	shownEvents  = 30 // of one user
)

// user shows a user, or the guests.
func (i *Inspector) user(f *frame, query url.Values) {
	p := userPage{User: query.Get("id"), Requested: query.Has("id")}
	f.Title = "A user"
	if p.Requested {
		f.Title = "Guests"
		if p.User != "" {
			f.Title = "User " + p.User
		}
		i.find(&p)
	}
	f.Contents = p
}

// find fills a page with what this node knows of a user.
func (i *Inspector) find(p *userPage) {
	sessions := i.engine.Sessions(p.User)
	for n := range sessions {
		if s := &sessions[n]; s.Ended.IsZero() {
			p.Sessions = append(p.Sessions, sessionOf(s))
		} else {
			p.Left = append(p.Left, sessionOf(s))
		}
	}
	events := i.engine.RecentOf(p.User, shownEvents)
	for n := range events {
		p.Recent = append(p.Recent, rowOf(&events[n]))
	}
	if p.User == "" {
		return
	}
	p.Status = "offline"
	if i.engine.Presence().Online(p.User)[p.User] {
		p.Status = "online"
	}
	watches := i.engine.WatchesOf(p.User)
	p.MoreWatches = max(0, len(watches)-shownWatches)
	for _, w := range watches[:len(watches)-p.MoreWatches] {
		p.Watches = append(p.Watches, w.Tag)
	}
}

// sessionOf returns the row of a session.
func sessionOf(s *explain.Session) sessionRow {
	return sessionRow{
		Client: orNone(s.Client), Transport: s.Transport, Since: second(s.Began), Until: second(s.Ended), Position: s.Position,
		Waiting: waiting(s), Tags: strings.Join(s.Tags, ", "),
		Reason: strings.ReplaceAll(s.Reason, "_", " "), Gap: strings.ReplaceAll(s.Gap, "_", " "),
	}
}

// waiting describes what waits for a session.
func waiting(s *explain.Session) string {
	switch {
	case s.Behind:
		return "events of the window after " + grouped(s.Last)
	case s.Idle:
		return "nothing"
	}
	return size(s.Queued)
}

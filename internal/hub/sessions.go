package hub

import (
	"slices"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/explain"
	"github.com/echo-pull/pull/internal/window"
)

// Sessions returns the sessions of a user, "" for guests: those that are connected to
// this node, and then those that have left lately, the last first. It returns at most 256.
func (h *Hub) Sessions(user string) []explain.Session {
	h.mu.Lock()
	defer h.mu.Unlock()

	sessions, _ := h.sessionsOf(user, nil)
	return sessions
}

// sessionsOf is Sessions for a caller that holds mu. With a message, it sets what each
// session has to do with that. It reports whether there are more.
func (h *Hub) sessionsOf(user string, m *window.Message) (all []explain.Session, more bool) {
	for _, p := range h.pagesOf(user, mostSessions+1) {
		s := h.sessionOf(p)
		if m != nil {
			h.concern(&s, p, m)
		}
		all = append(all, s)
	}
	for i := range len(h.past.sessions) {
		s := *h.past.last(i)
		if s.User != user {
			continue
		}
		if m != nil {
			concernPast(&s, m)
		}
		all = append(all, s)
	}
	most := min(len(all), mostSessions)
	return all[:most], len(all) > most
}

// pagesOf returns up to most pages of a user, "" for guests.
func (h *Hub) pagesOf(user string, most int) []*Page {
	if user != "" {
		pages := h.roster.users[user]
		return pages[:min(len(pages), most)]
	}
	var pages []*Page
	most = min(most, h.roster.guests)
	for _, p := range h.roster.all {
		if len(pages) == most {
			break
		}
		if p.User == "" {
			pages = append(pages, p)
		}
	}
	return pages
}

// sessionOf returns what is known of a page that has joined.
func (h *Hub) sessionOf(p *Page) explain.Session {
	progress, start := p.Progress(), p.course.start()
	s := explain.Session{
		User: p.User, Client: p.Client, Transport: transportOf(p.Form()), Began: time.Unix(int64(p.began), 0),
		Epoch: progress.Epoch, From: p.from, Joined: p.joined(), Position: progress.Offset, Last: p.last,
		Recovered: start == startRecovered, Gap: start.cause(), LiveGap: start.isLive(),
		Behind: p.behind, Lagged: p.course.has(lagged), Passed: p.course.has(passed), Granted: p.course.has(granted),
		Early: p.early, Closing: progress.Ended, Idle: progress.Idle, Queued: progress.Queued,
	}
	if progress.Ended {
		s.Reason, s.Code = progress.Cause.String(), progress.Cause.Code()
	}
	if p.watches != nil {
		for _, w := range p.watches.tags {
			s.Tags = append(s.Tags, w.tag)
		}
		slices.Sort(s.Tags)
	}
	return s
}

// transportOf returns the name of the transport of a connection, as Stats has it.
func transportOf(f conn.Form) string {
	switch {
	case f.IsHTML():
		return "html"
	case f.IsEvent():
		return "sse"
	}
	return "websocket"
}

// pastSessions are the last sessions that have left this node: a ring. It is passive: its
// owner guards it.
type pastSessions struct {
	sessions []explain.Session
	next     int // index in sessions of the oldest one, which the next one replaces
}

// mostPast is how many past sessions a node keeps.
const mostPast = 256

// add keeps a session that ends now.
func (r *pastSessions) add(s explain.Session, now time.Time) {
	s.Ended, s.Queued, s.Tags = now, 0, nil
	s.User = strings.Clone(s.User) // which may be a part of something larger; the client id is none
	if len(r.sessions) < mostPast {
		r.sessions = append(r.sessions, s)
		return
	}
	r.sessions[r.next] = s
	r.next = (r.next + 1) % mostPast
}

// last returns the i-th of the sessions, the one that has left last being the first.
func (r *pastSessions) last(i int) *explain.Session {
	n := len(r.sessions)
	return &r.sessions[(r.next-1-i+2*n)%n]
}

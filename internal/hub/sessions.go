package hub

import (
	"slices"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/explain"
)

// Sessions returns the sessions of a user, "" for guests: those that are connected to
// this node, and then those that have left lately, the last first. It returns at most 256.
func (h *Hub) Sessions(user string) []explain.Session {
	seen := h.seenOf(user)
	all := make([]explain.Session, 0, len(seen))
	for i := range seen {
		slices.Sort(seen[i].Tags)
		all = append(all, seen[i].Session)
	}
	return all
}

// mostSessions bounds the sessions of one answer.
const mostSessions = 256

func (h *Hub) seenOf(user string) []seen {
	h.mu.Lock()
	defer h.mu.Unlock()

	all, _ := h.sessionsOf(user, nil)
	return all
}

// sessionsOf returns the sessions of a user as Sessions has them, for a caller that holds
// mu. Of the page's own watches it returns the tags, or with a question those watches that
// matter for that. It reports whether there are more.
func (h *Hub) sessionsOf(user string, q *question) (all []seen, more bool) {
	for _, p := range h.pagesOf(user, mostSessions+1) {
		s := seen{Session: h.sessionOf(p), form: p.Form()}
		s.addWatches(p.watches, q)
		all = append(all, s)
	}
	for p, end := range h.leaving {
		if p.User == user && len(all) <= mostSessions {
			all = append(all, seen{Session: h.leavingSession(p, end), gone: true})
		}
	}
	for i := range len(h.past.sessions) {
		if s := h.past.last(i); s.User == user && len(all) <= mostSessions {
			all = append(all, seen{Session: *s})
		}
	}
	most := min(len(all), mostSessions)
	return all[:most], len(all) > most
}

// addWatches adds the page's own watches.
func (s *seen) addWatches(watches *pageWatches, q *question) {
	if watches == nil {
		return
	}
	s.ended = watches.ended
	for _, w := range watches.tags {
		if q == nil {
			s.Tags = append(s.Tags, w.tag)
		} else if _, own := q.own[w.tag]; own {
			s.watches = append(s.watches, *w)
		}
	}
}

// leavingSession returns what is known of a page that has been removed at the offset end,
// and has not left. What was assigned to it before may still be on its way.
func (h *Hub) leavingSession(p *Page, end uint64) explain.Session {
	s := h.sessionOf(p)
	if s.Position = max(s.Position, end); s.Behind {
		s.Position = s.Last // it reads no further
	}
	if !s.Closing {
		s.Closing, s.Reason, s.Code = true, conn.SessionOver.String(), conn.SessionOver.Code()
	}
	return s
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
		User: p.User, Client: p.Client, Transport: p.Form().Transport(), Began: time.Unix(int64(p.began), 0),
		Epoch: progress.Epoch, From: p.from, Joined: p.joined(), Position: progress.Offset, Last: p.last,
		Recovered: start == startRecovered, Gap: start.cause(), LiveGap: start.isLive(),
		Behind: p.behind, Lagged: p.course.has(lagged), Passed: p.course.has(passed), Granted: p.course.has(granted),
		Early: p.early, Closing: progress.Ended, Idle: progress.Idle, Queued: progress.Queued,
	}
	if progress.Ended {
		s.Reason, s.Code = progress.Cause.String(), progress.Cause.Code()
	}
	return s
}

// pastSessions are the last sessions that have left this node: a ring. It is passive: its
// owner guards it.
type pastSessions struct {
	sessions []explain.Session
	since    time.Time // all are kept that have ended after this
	next     int       // index in sessions of the oldest one, which the next one replaces
}

// mostPast is how many past sessions a node keeps.
const mostPast = 256

// add keeps a session that ends now.
func (r *pastSessions) add(s explain.Session, now time.Time) {
	s.Ended, s.Queued = now, 0
	s.User = strings.Clone(s.User) // which may be a part of something larger; the client id is none
	if len(r.sessions) < mostPast {
		r.sessions = append(r.sessions, s)
		return
	}
	r.since = r.sessions[r.next].Ended
	r.sessions[r.next] = s
	r.next = (r.next + 1) % mostPast
}

// last returns the i-th of the sessions, the one that has left last being the first.
func (r *pastSessions) last(i int) *explain.Session {
	n := len(r.sessions)
	return &r.sessions[(r.next-1-i+2*n)%n]
}

package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
)

// A request is what a client requests, in a frame or in a POST to watch.
type request struct {
	Extend []string `json:"extend"` // tags whose watches are extended
	Seen   []string `json:"seen"`   // users whose last visit is requested

	Looking *bool  `json:"looking"` // whether the user looks at the page
	Read    string `json:"read"`    // the tag of notifications that the user has read

	Watch   []string `json:"watch"`   // grants of what the page itself watches
	Unwatch []string `json:"unwatch"` // grants that it needs no longer
}

// isEmpty reports whether nothing is requested.
func (q *request) isEmpty() bool {
	return q.Extend == nil && q.Seen == nil && q.Looking == nil && q.Read == "" && q.Watch == nil && q.Unwatch == nil
}

const listLimit = 100 // largest number of tags or users in a request

var errRequest = errors.New("malformed request")

// parseRequest parses and checks a request.
func parseRequest(frame []byte) (request, error) {
	var q request
	if err := json.Unmarshal(frame, &q); err != nil {
		return request{}, errRequest
	}
	if q.isEmpty() || len(q.Extend) > listLimit || len(q.Seen) > listLimit {
		return request{}, errRequest
	}
	if envelope.CheckIDs("tag", q.Extend) != nil || envelope.CheckIDs("user", q.Seen) != nil {
		return request{}, errRequest
	}
	if q.Read != "" && envelope.CheckIDs("tag", []string{q.Read}) != nil {
		return request{}, errRequest
	}
	if !checkGrants(q.Watch) || !checkGrants(q.Unwatch) {
		return request{}, errRequest
	}
	return q, nil
}

// Watch serves the requests of a client with a stream, which cannot send frames.
func (s *Server) Watch(c Context) error {
	login, err := s.authorize(c)
	if err != nil {
		return err
	}
	user := login.User
	if !s.allowPost(c, user) {
		return s.refuseRetry(c, http.StatusTooManyRequests, "too fast")
	}
	body, err := s.readBody(c)
	if err != nil {
		return err
	}
	q, err := parseRequest(body)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	p := s.findPage(c, user)
	if p != nil && q.Looking != nil {
		s.engine.Hub().SetLooking(p, *q.Looking, time.Now())
	}
	if q.Read != "" && !s.read(user, q.Read) {
		return s.refuseRetry(c, http.StatusServiceUnavailable, "try again")
	}
	response, err := s.respond(c, user, p, &q)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, response)
}

// respond returns the response to a request in a POST. p is the page that has sent
// it, or nil.
func (s *Server) respond(c Context, user string, p *hub.Page, q *request) (any, error) {
	switch {
	case q.Watch != nil || q.Unwatch != nil:
		return s.postWatches(p, q)
	case q.Extend != nil:
		response, err := s.engine.Extend(user, q.Extend)
		if err != nil {
			return nil, s.refuseRetryFor(reasonOf(err), c, http.StatusServiceUnavailable, "try again")
		}
		return response, nil
	}
	return s.engine.Hub().SecondsSinceSeen(user, q.Seen), nil
}

// read records that a user has read what a tag is about, and reports whether it
// could.
func (s *Server) read(user, tag string) bool {
	if user == "" || s.engine.Pusher() == nil {
		return true
	}
	return s.limits.allowRead(user, time.Now()) && s.engine.Pushes().Read(user, tag) == nil
}

// allowRequest reports whether a page may send one more request now. It counts the
// request against the limit of the connection and against that of the payer,
// which also covers connections that have ended.
func (s *Server) allowRequest(p *hub.Page, payer string) bool {
	now := time.Now()
	return p.Allow(now) && s.limits.allowRequest(payer, s.engine.Hub().PlacesOf(payer), now)
}

// allowPost is allowRequest for a POST, which may name a page of the user.
func (s *Server) allowPost(c Context, user string) bool {
	payer := payerOf(c, user)
	if p := s.findPage(c, user); p != nil {
		return s.allowRequest(p, payer)
	}
	return s.limits.allowRequest(payer, s.engine.Hub().PlacesOf(payer), time.Now())
}

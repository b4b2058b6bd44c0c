package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/protocol"
)

// A question is what a client may ask for, in a frame or in a POST to watch.
type question struct {
	Extend []string `json:"extend"` // tags whose watches go on
	Seen   []string `json:"seen"`   // users whose last visit it asks for
}

const listLimit = 100 // tags or users in one request

var errRequest = errors.New("malformed request")

func parseRequest(frame []byte) (question, error) {
	var q question
	if err := json.Unmarshal(frame, &q); err != nil {
		return question{}, errRequest
	}
	if q.Extend == nil && q.Seen == nil || len(q.Extend) > listLimit || len(q.Seen) > listLimit {
		return question{}, errRequest
	}
	if envelope.CheckIDs("tag", q.Extend) != nil || envelope.CheckIDs("user", q.Seen) != nil {
		return question{}, errRequest
	}
	return q, nil
}

func (pg *page) answer(command string, params any) {
	body, err := protocol.Answer(command, params)
	if err == nil {
		pg.Push(conn.Item{Body: body})
	}
}

// Watch answers what a client of a stream cannot say in a frame.
func (s *Server) Watch(c Context) error {
	user, err := s.visitor(c)
	if err != nil {
		return err
	}
	if !s.allowPost(c, user) {
		return s.refuseRetry(c, http.StatusTooManyRequests, "too fast")
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	q, err := parseRequest(body)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	if q.Extend != nil {
		answer, err := s.engine.Extend(user, q.Extend)
		if err != nil {
			return s.refuseRetry(c, http.StatusServiceUnavailable, "try again")
		}
		return respond(c, answer)
	}
	return respond(c, s.engine.Hub().SecondsSinceSeen(user, q.Seen))
}

func respond(c Context, answer any) error {
	c.Response().Header().Set("Content-Type", "application/json")
	c.Response().WriteHeader(http.StatusOK)
	return json.NewEncoder(c.Response()).Encode(answer)
}

func readBody(c Context) ([]byte, error) {
	unbound := boundReading(c)
	body, err := io.ReadAll(io.LimitReader(c.Request().Body, conn.IncomingBytes+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuse(http.StatusRequestTimeout, "the body has not come in time")
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "unreadable body")
	case len(body) > conn.IncomingBytes:
		return nil, refuse(http.StatusRequestEntityTooLarge, "16 KiB at most")
	}
	unbound() // else the server's own reading ends in time, too
	return body, nil
}

// allow tells whether a page may send one more request now: the connection, and
// all of its payer's together with those that have ended.
func (s *Server) allow(pg *hub.Page, payer string) bool {
	now := time.Now()
	return pg.Allow(now) && s.limits.request(payer, s.engine.Hub().PlacesOf(payer), now)
}

// allowPost is allow for a request of its own, which may name a page of the user.
func (s *Server) allowPost(c Context, user string) bool {
	payer := payerOf(c, user)
	if pg := s.engine.Hub().FindPage(user, c.Request().Header.Get(engine.HeaderClient)); pg != nil {
		return s.allow(pg, payer)
	}
	return s.limits.request(payer, s.engine.Hub().PlacesOf(payer), time.Now())
}

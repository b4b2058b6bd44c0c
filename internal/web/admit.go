package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/echo-pull/pull/internal/hub"
)

var (
	errFullForUser    = errors.New("too many connections of this user")
	errFullForAddress = errors.New("too many guests of this address")

	errTooManyAttempts = errors.New("too many attempts to connect")
	errTooMuchReplayed = errors.New("too much was replayed")
)

// admit reserves a place, or answers why there is none.
func (s *Server) admit(c Context, pg *page) error {
	err := s.reserve(pg)
	if errors.Is(err, errTooManyAttempts) {
		s.delayRefusal(c.Request())
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errFullForUser), errors.Is(err, errFullForAddress), errors.Is(err, errTooManyAttempts), errors.Is(err, errTooMuchReplayed):
		return s.refuseRetry(c, http.StatusTooManyRequests, err.Error())
	default:
		return s.refuseRetry(c, http.StatusServiceUnavailable, err.Error())
	}
}

const (
	refusalDelay = time.Second
	maxDelayed   = 1_000
)

// delayRefusal delays the refusal of a client that does not wait by itself: it would be
// back at once. Not of many, and not while there is much to remember of it.
func (s *Server) delayRefusal(r *http.Request) {
	defer s.delayed.Add(-1)
	if s.delayed.Add(1) > maxDelayed || len(r.RequestURI) > maxLine || shortHeader(r.Header) != nil {
		return
	}
	select {
	case <-time.After(refusalDelay):
	case <-r.Context().Done():
	}
}

// reserve takes what a connection takes of the limits of its user or address.
func (s *Server) reserve(pg *page) error {
	now := time.Now()
	if !s.limits.allowConnect(pg.payer, now) {
		return errTooManyAttempts
	}
	if pg.handshake.cursor != nil && !s.limits.allowsReplay(pg.payer, now) {
		return errTooMuchReplayed
	}
	most, full := s.config.MaxSessionsPerUser, errFullForUser
	if isGuest(pg.payer) {
		most, full = s.config.MaxGuestsPerAddress, errFullForAddress
	}
	err := s.engine.Hub().Admit(pg.payer, pg.User, pg.handshake.doubtful, s.config.MaxSessions, most)
	if errors.Is(err, hub.ErrFullForPayer) {
		return full
	}
	return err
}

func (s *Server) refuseRetry(c Context, status int, reason string) *RefusalError {
	c.Response().Header().Set("Retry-After", "5")
	return refuse(status, reason)
}

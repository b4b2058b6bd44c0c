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

	errHasty = errors.New("too many attempts to connect")
	errSated = errors.New("too much was replayed")
)

// admit reserves a place, or answers why there is none.
func (s *Server) admit(c Context, pg *page) error {
	err := s.reserve(pg)
	if errors.Is(err, errHasty) {
		s.linger(c.Request())
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errFullForUser), errors.Is(err, errFullForAddress), errors.Is(err, errHasty), errors.Is(err, errSated):
		return s.refuseRetry(c, http.StatusTooManyRequests, err.Error())
	default:
		return s.refuseRetry(c, http.StatusServiceUnavailable, err.Error())
	}
}

const (
	lingerWait    = time.Second
	mostLingering = 1_000
)

// linger delays the refusal of a client that does not wait by itself: it would be
// back at once. Not of many, and not while there is much to remember of it.
func (s *Server) linger(r *http.Request) {
	defer s.lingering.Add(-1)
	if s.lingering.Add(1) > mostLingering || len(r.RequestURI) > longestLine || lightenHeader(r.Header) != nil {
		return
	}
	select {
	case <-time.After(lingerWait):
	case <-r.Context().Done():
	}
}

// reserve takes what a connection takes of the limits of its user or address.
func (s *Server) reserve(pg *page) error {
	now := time.Now()
	if !s.limits.connect(pg.payer, now) {
		return errHasty
	}
	if pg.arrival.at != nil && !s.limits.mayReplay(pg.payer, now) {
		return errSated
	}
	most, full := s.config.MaxSessionsPerUser, errFullForUser
	if isGuest(pg.payer) {
		most, full = s.config.MaxGuestsPerAddress, errFullForAddress
	}
	err := s.engine.Hub().Admit(pg.payer, pg.User, pg.arrival.doubtful, s.config.MaxSessions, most)
	if errors.Is(err, hub.ErrFullForPayer) {
		return full
	}
	return err
}

func (s *Server) refuseRetry(c Context, status int, reason string) *Refusal {
	c.Response().Header().Set("Retry-After", "5")
	return refuse(status, reason)
}

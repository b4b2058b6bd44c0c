package web

import (
	"errors"
	"net/http"
	"time"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/publish"
)

var (
	errFullForUser    = errors.New("too many connections of this user")
	errFullForAddress = errors.New("too many guests of this address")

	errTooManyAttempts = errors.New("too many attempts to connect")
	errTooMuchReplayed = errors.New("too much was replayed")
)

// admit reserves a place for the page, or returns the refusal.
func (s *Server) admit(c Context, p *page) error {
	err := s.reserve(p)
	if errors.Is(err, errTooManyAttempts) {
		s.delayRefusal(c.Request())
	}
	if err != nil {
		return s.refuseRetryFor(reasonOf(err), c, statusOf(err), err.Error())
	}
	return nil
}

// statusOf returns the status for an error of reserve.
func statusOf(err error) int {
	for _, own := range []error{errFullForUser, errFullForAddress, errTooManyAttempts, errTooMuchReplayed} {
		if errors.Is(err, own) {
			return http.StatusTooManyRequests
		}
	}
	return http.StatusServiceUnavailable
}

// reasonOf returns the reason, as it is counted, for an error of reserve or of the engine.
func reasonOf(err error) string {
	for reason, own := range map[string]error{
		engine.RefusedLimitUser: errFullForUser, engine.RefusedLimitAddress: errFullForAddress, engine.RefusedLimitNode: hub.ErrFull,
		engine.RefusedAttempts: errTooManyAttempts, engine.RefusedReplay: errTooMuchReplayed,
		engine.RefusedLog: hub.ErrNoLog, engine.RefusedDisconnect: hub.ErrRecentlyDisconnected,
		engine.RefusedShutdown: publish.ErrClosed,
	} {
		if errors.Is(err, own) {
			return reason
		}
	}
	return engine.RefusedOther
}

const (
	refusalDelay = time.Second
	maxDelayed   = 1_000
)

// delayRefusal waits before a refusal: a client that does not wait by itself
// would reconnect at once. It does not wait if many refusals are delayed already,
// or if the request occupies much memory.
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

// reserve counts an attempt to connect and reserves a place among the
// connections of the node and of the payer. leave gives it back.
func (s *Server) reserve(p *page) error {
	now := time.Now()
	if !s.limits.allowConnect(p.payer(), now) {
		return errTooManyAttempts
	}
	if p.handshake.cursor != nil && !s.limits.allowsReplay(p.payer(), now) {
		return errTooMuchReplayed
	}
	most, full := s.config.MaxSessionsPerUser, errFullForUser
	if p.guest != nil {
		most, full = s.config.MaxGuestsPerAddress, errFullForAddress
	}
	err := s.engine.Hub().Admit(p.payer(), p.User, p.handshake.doubtful, s.config.MaxSessions, most)
	if errors.Is(err, hub.ErrFullForPayer) {
		return full
	}
	return err
}

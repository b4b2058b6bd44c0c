package web

import (
	"errors"
	"net/http"

	"github.com/echo-pull/pull/internal/engine"
)

// A RefusalError is the response to a refused request.
type RefusalError struct {
	Status int
	Reason string // in the form "Not Found: what was not found"
	kind   string // one of the reasons of engine.CountRefusal; empty if the response to a probe
}

func (r *RefusalError) Error() string { return r.Reason }

// refuse returns a refusal, which is counted by its status.
func refuse(status int, reason string) *RefusalError {
	return &RefusalError{status, http.StatusText(status) + ": " + reason, kindOf(status)}
}

// refuseFor returns a refusal, which is counted as one of the reasons of
// engine.CountRefusal.
func refuseFor(kind string, status int, reason string) *RefusalError {
	r := refuse(status, reason)
	r.kind = kind
	return r
}

// refuseRetry returns a refusal, after which the client may retry in 5 seconds.
func (s *Server) refuseRetry(c Context, status int, reason string) *RefusalError {
	c.Response().Header().Set("Retry-After", "5")
	return refuse(status, reason)
}

// refuseRetryFor is refuseRetry for a refusal that is counted as a reason of
// engine.CountRefusal.
func (s *Server) refuseRetryFor(kind string, c Context, status int, reason string) *RefusalError {
	r := s.refuseRetry(c, status, reason)
	r.kind = kind
	return r
}

// kindOf returns as what a refusal is counted, unless it has a reason of its own.
func kindOf(status int) string {
	switch status {
	case http.StatusUpgradeRequired:
		return "" // a probe has succeeded
	case http.StatusUnauthorized:
		return engine.RefusedLogin
	case http.StatusTooManyRequests:
		return engine.RefusedAttempts
	case http.StatusNotImplemented:
		return engine.RefusedTransport
	case http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong:
		return engine.RefusedMalformed
	}
	return engine.RefusedOther
}

// counted wraps a handler and counts what it refuses.
func (s *Server) counted(handler func(Context) error) func(Context) error {
	return func(c Context) error {
		err := handler(c)
		if err != nil {
			s.countRefusal(c, err)
		}
		return err
	}
}

func (s *Server) countRefusal(c Context, err error) {
	var refusal *RefusalError
	switch {
	case !errors.As(err, &refusal):
		if c.HasStatus(err) { // the application's function has refused the login
			s.engine.CountRefusal(engine.RefusedLogin)
		}
	case refusal.kind != "":
		s.engine.CountRefusal(refusal.kind)
	}
}

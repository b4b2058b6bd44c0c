package web

import "net/http"

// A RefusalError is the response to a refused request.
type RefusalError struct {
	Status int
	Reason string // in the form "Not Found: what was not found"
}

func (r *RefusalError) Error() string { return r.Reason }

func refuse(status int, reason string) *RefusalError {
	return &RefusalError{status, http.StatusText(status) + ": " + reason}
}

// refuseRetry returns a refusal, after which the client may retry in 5 seconds.
func (s *Server) refuseRetry(c Context, status int, reason string) *RefusalError {
	c.Response().Header().Set("Retry-After", "5")
	return refuse(status, reason)
}

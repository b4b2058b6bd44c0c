package web

import (
	"encoding/json"
	"net/http"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/session"
)

// A sessionAnswer tells a page how long its session lasts.
type sessionAnswer struct {
	User  string `json:"user"`
	Until int64  `json:"until,omitempty"` // unix seconds; none if the login has no end
}

// Session serves the request with which a page renews its session. What determines the
// session is the login of this request, as for every other one.
func (s *Server) Session(c Context) error {
	login, err := s.authorize(c)
	if err != nil {
		return err
	}
	if !s.engine.HasSessions() {
		return refuse(http.StatusNotFound, "the application has no sessions")
	}
	if !s.allowPost(c, login.User) {
		return s.refuseRetry(c, http.StatusTooManyRequests, "too fast")
	}
	body, err := s.readBody(c)
	if err != nil {
		return err
	}
	client, err := parseRenewal(body)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	if err := s.engine.Renew(login, client); err != nil {
		return s.refuseRetryFor(reasonOf(err), c, http.StatusServiceUnavailable, "try again")
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, answerOf(login))
}

// parseRenewal returns the client id of the page in the body of a renewal.
func parseRenewal(body []byte) (client string, err error) {
	var q struct {
		Client string `json:"client"`
	}
	if err := json.Unmarshal(body, &q); err != nil || !envelope.IsClientID(q.Client) {
		return "", errRequest
	}
	return q.Client, nil
}

func answerOf(login session.Login) sessionAnswer {
	a := sessionAnswer{User: login.User}
	if l := login.Lease; l != nil && !l.Until.IsZero() {
		a.Until = l.Until.Unix()
	}
	return a
}

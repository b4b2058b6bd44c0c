package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
)

// A message is one that a page sends to other pages, in a frame or in a POST to send.
type message struct {
	N       uint64          `json:"n"` // the answer repeats it
	Users   []string        `json:"users"`
	Tag     string          `json:"tag"`
	Module  string          `json:"module"`
	Command string          `json:"command"`
	Params  json.RawMessage `json:"params"`
	Expiry  *int            `json:"expiry"` // in seconds
	Tab     string          `json:"tab"`    // number of the tab that sends it, if the connection is that of several
}

const (
	defaultExpiry = 10 // seconds
	longestExpiry = 60
)

// parseMessage parses and checks a message.
func parseMessage(text []byte) (*message, error) {
	m := new(message)
	if err := json.Unmarshal(text, m); err != nil || !m.isValid() {
		return nil, errRequest
	}
	m.Module = strings.ToLower(m.Module)
	if m.Expiry == nil {
		m.Expiry = new(int)
		*m.Expiry = defaultExpiry
	}
	return m, nil
}

// isValid reports whether every field is valid but the params, of which it is only
// known that they are JSON.
func (m *message) isValid() bool {
	tags := []string{m.Tag}
	if m.Tag == "" {
		tags = nil
	}
	return m.N > 0 && m.N <= envelope.MaxOffset &&
		(len(m.Users) > 0) != (m.Tag != "") && len(m.Users) <= listLimit &&
		envelope.CheckIDs("user id", m.Users) == nil && envelope.CheckIDs("tag", tags) == nil &&
		envelope.CheckModule(m.Module) == nil && envelope.CheckCommand(m.Command) == nil &&
		(m.Expiry == nil || *m.Expiry > 0 && *m.Expiry <= longestExpiry)
}

// sender returns the id of the tab that has sent the message, or if the message names none
// that can be, the client id of its page.
func (m *message) sender(client string) string {
	if tab, ok := envelope.JoinTab(client, m.Tab); ok {
		return tab
	}
	return client
}

// parseFrame parses and checks the message in a frame for which isMessage is true.
func parseFrame(frame []byte) (*message, error) {
	var f struct {
		Send json.RawMessage `json:"send"`
	}
	if err := json.Unmarshal(frame, &f); err != nil {
		return nil, errRequest
	}
	return parseMessage(f.Send)
}

// isMessage reports whether a frame has a message, and not a request, which counts
// against other limits. Such a frame has one field.
func isMessage(frame []byte) bool {
	rest, object := bytes.CutPrefix(bytes.TrimLeft(frame, " \t\r\n"), []byte("{"))
	return object && bytes.HasPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`"send"`))
}

// send passes a message of a user's page on. It returns an error if the message is
// malformed. allowed is false if the user has sent too many.
func (s *Server) send(user string, from engine.Sender, m *message, allowed bool) (protocol.Sent, error) { //nolint:revive // allowed is what was counted, not a mode
	answer := protocol.Sent{N: m.N, State: protocol.SendLimit}
	if !allowed {
		return answer, nil
	}
	from.Client = m.sender(from.Client)
	state, err := s.engine.SendMessage(from, engine.Message{
		From: user, Users: m.Users, Tag: m.Tag, Module: m.Module, Command: m.Command, Params: m.Params,
	}, time.Duration(*m.Expiry)*time.Second)
	if err != nil {
		return answer, errRequest
	}
	answer.State = state
	return answer, nil
}

// Send serves a message of a client with a stream, which cannot send frames.
func (s *Server) Send(c Context) error {
	login, err := s.authorize(c)
	if err != nil {
		return err
	}
	user := login.User
	allowed, tolerated := s.limits.allowMessage(payerOf(c, user), time.Now())
	if !tolerated {
		return s.refuseRetry(c, http.StatusTooManyRequests, "too fast")
	}
	body, err := s.readBody(c)
	if err != nil {
		return err
	}
	m, err := parseMessage(body)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	client := c.Request().Header.Get(engine.HeaderClient)
	if !envelope.IsClientID(client) {
		client = ""
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	answer, err := s.send(user, engine.Sender{Client: strings.Clone(client), Page: s.findPage(c, user)}, m, allowed)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	return c.JSON(http.StatusOK, answer)
}

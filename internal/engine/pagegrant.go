package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/grant"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/session"
	"github.com/echo-pull/pull/internal/ticket"
)

// ErrNoSecret is returned by [Plugin.Grant] if nodes may share the Broker and
// Config.Secret is missing: a node could not open the grants of another one.
var ErrNoSecret = errors.New("pull: grants need Config.Secret, which all nodes share")

// openSecret makes the sealers of grants and tickets. Without Config.Secret, the secret
// is that of the state file, or a new one.
func (e *Engine) openSecret() {
	secret := e.config.Secret
	if len(secret) == 0 {
		if len(e.secret) == 0 {
			e.secret = make([]byte, grant.MinSecret)
			_, _ = rand.Read(e.secret) // it never returns an error
		}
		secret = e.secret
	}
	e.grants, e.tickets = grant.NewSealer(secret, e.config.GrantTTL), ticket.NewSealer(secret)
}

// Grant returns a grant for the pages of a login, which counts from a position of the log.
// See [Plugin.Grant].
func (e *Engine) Grant(login session.Login, from envelope.Cursor, tags []string) (string, error) {
	if err := grant.Check(tags); err != nil {
		return "", err
	}
	if e.memory == nil && len(e.config.Secret) == 0 {
		return "", ErrNoSecret
	}
	tags = slices.Clone(tags)
	slices.Sort(tags)
	return e.grants.Seal(ownerOf(login), grant.Grant{From: from, Tags: slices.Compact(tags)}, time.Now())
}

// ownerOf returns whose the grants of a login are.
func ownerOf(login session.Login) grant.Owner {
	return grant.Owner{User: login.User, Session: login.ID()}
}

// GrantCursor returns the position from which a grant of the request counts that
// ctx belongs to: as for a watch, its beginning, or where its body had been read.
func (e *Engine) GrantCursor(ctx context.Context) envelope.Cursor {
	if o := e.Outbox(ctx); o != nil {
		return o.body.since(o.began)
	}
	return e.hub.Cursor()
}

// OpenGrants opens what a page of the login has presented.
func (e *Engine) OpenGrants(login session.Login, texts []string) []hub.Presented {
	owner, now := ownerOf(login), time.Now()
	presented := make([]hub.Presented, len(texts))
	for i, text := range texts {
		g, err := e.grants.Open(text, owner, now)
		presented[i] = hub.Presented{Grant: g, Text: text, State: stateOf(err)}
	}
	return presented
}

// stateOf returns the state of a grant that could not be opened, or none.
func stateOf(err error) protocol.GrantState {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, grant.ErrForeign):
		return protocol.GrantForeign
	case errors.Is(err, grant.ErrExpired):
		return protocol.GrantExpired
	}
	return protocol.GrantForged
}

// AnswerGrants returns the answer to what a page of the login has presented, with a
// renewed grant for each one that is in force.
func (e *Engine) AnswerGrants(login session.Login, presented []hub.Presented) map[string]protocol.GrantAnswer {
	now := time.Now()
	answers := make(map[string]protocol.GrantAnswer, len(presented))
	for i := range presented {
		one := &presented[i]
		if answers[one.Text].State == protocol.GrantGap {
			continue // the page has presented the grant twice
		}
		a := protocol.GrantAnswer{State: one.State}
		if one.State == protocol.GrantOK || one.State == protocol.GrantGap {
			one.Renewed = true
			a.Grant, _ = e.grants.Seal(ownerOf(login), one.Grant, now) // if it became too long, the page keeps the one it has
		}
		answers[one.Text] = a
	}
	return answers
}

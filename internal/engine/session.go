package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/publish"
	"github.com/echo-pull/pull/internal/session"
	"github.com/echo-pull/pull/internal/signal"
)

var errNoSessionID = errors.New("pull: a session without an id cannot be ended")

// HasSessions reports whether logins may end, or be ended one by one.
func (e *Engine) HasSessions() bool { return e.config.Session != nil }

// Renew gives the page of a user with a client id, on whatever node, the lease of the
// login with which it has sent a request. It returns when this node has applied that.
func (e *Engine) Renew(login session.Login, client string) error {
	seq, err := e.publisher.Command(hub.SessionMessage(login.User, client, login.Lease, time.Now()))
	if err != nil {
		return err
	}
	return e.waitApplied(seq)
}

// DisconnectSession closes the connections of one session on all nodes with 4401: those
// whose login Config.Session returned with this ID. Their pages do not reconnect by
// themselves. The plugin keeps and publishes only a hash of the id.
//
// A page that is connecting at that moment is closed, nothing is replayed to the session,
// and its grants do not open for another one. For a minute, requests of the session get 401
// on all nodes. The application's own authentication has to refuse the session from now on,
// so end it there before you call DisconnectSession.
//
// DisconnectSession returns nil once every node that runs has closed the connections.
// Otherwise it returns an error: after five seconds one with the nodes that have not
// reported it, and ErrQueueFull or [ErrClosed] if the log could not be reached, or the
// plugin was shut down meanwhile. This node
// has closed its connections in any case, and the others will if the log still reaches
// them. It is an error if id is empty. Do not call it from Config.OnError, which must not
// block.
func (e *Engine) DisconnectSession(id string) error {
	hash := session.IDOf(id)
	if hash == (session.ID{}) {
		return errNoSessionID
	}
	return e.command(envelope.KindEndSession, hash.String(), func() {
		for _, p := range e.hub.EndSession(hash) {
			p.CloseNow(conn.SessionOver, "session over")
		}
		signal.Send(e.graceStarted)
	})
}

// Disconnect closes the user's sessions on all nodes with 4003. Their pages do
// not reconnect by themselves. A page that is loaded again has to pass the
// application's own authentication, so make that refuse the user before you
// call Disconnect. For a guest or an invalid id Disconnect does nothing.
//
// A page that is connecting at that moment is refused if its request has
// already passed [Plugin.Middleware]. The login should therefore run after the
// middleware, as in p.Mount(e.Group("/pull", login)). For a request that does
// not pass the middleware, the plugin cannot determine when its login was
// checked. For five seconds such pages of the user get 503, so that they retry
// and pass the login again.
//
// Disconnect returns when every node that runs has closed the connections, with the same
// errors as [Plugin.DisconnectSession].
func (e *Engine) Disconnect(user string) error {
	if envelope.CheckIDs("user id", []string{user}) != nil {
		return nil //nolint:nilerr // there is no such user
	}
	return e.command(envelope.KindDisconnect, user, func() {
		for _, p := range e.hub.Disconnect(user) {
			p.CloseNow(conn.Disconnect, "disconnected")
		}
	})
}

// followWait bounds how long a command waits for the other nodes.
const followWait = 5 * time.Second

// command publishes a command about connections, follows it on this node with follow, and
// waits until the other nodes report that they have.
func (e *Engine) command(kind envelope.Kind, subject string, follow func()) error {
	name := envelope.NewID()
	e.hub.Ask(name)
	defer e.hub.Unask(name)
	_, err := e.publisher.Command(envelope.Control(kind, time.Now(), subject, name))
	follow()
	if err != nil {
		return fmt.Errorf("pull: disconnect on other nodes: %w", err)
	}
	ctx, cancel := context.WithTimeout(e.stopped, followWait)
	defer cancel()
	var nodes []string
	var read bool
	if e.hub.Await(ctx, func() bool {
		nodes, read = e.hub.Unfollowed(name)
		return read && len(nodes) == 0
	}) {
		return nil
	}
	if e.stopped.Err() != nil {
		return fmt.Errorf("pull: disconnect on other nodes, which may still follow: %w", publish.ErrClosed)
	}
	if !read {
		return fmt.Errorf("pull: disconnect: the message did not come back from the log within %s, it may still take effect", followWait)
	}
	return fmt.Errorf("pull: disconnect: no report within %s from: %s", followWait, strings.Join(nodes, ", "))
}

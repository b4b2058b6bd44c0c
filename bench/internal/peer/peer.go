// Package peer has the servers that are compared. Each file runs one library the
// way its documentation shows, in one process that clients connect to.
package peer

import (
	"context"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// A Peer is a server under test. Clients connect through its ServeHTTP. One
// goroutine at a time calls its other methods.
type Peer interface {
	http.Handler

	// Broadcast, User and Tag send a message to everyone, to the connections
	// of a user, and to the connections with a tag.
	Broadcast(m wire.Message) error
	User(user string, m wire.Message) error
	Tag(tag string, m wire.Message) error

	// Request has an HTTP handler of the application send messages to a user.
	Request(ctx context.Context, user string, messages []wire.Message) error

	Close()
}

// A Kind is a peer that can be started.
type Kind struct {
	Name    string
	Dialect string // the clients' dialect: see package load
	Module  string // the module whose version is reported
	New     func(Options) (Peer, error)
}

// Options change what a peer does, if it can.
type Options struct {
	Presence  bool          // notify every page of the users who come and go
	WindowAge time.Duration // how long messages are remembered; 0 leaves the default
}

// Version returns the library's version. It is "" if there is no library, or if
// it is the one that contains this module.
func (k Kind) Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == k.Module && m.Replace == nil && m.Version != "(devel)" {
			return m.Version
		}
	}
	return ""
}

// start turns the constructor of a concrete peer into a constructor of a Peer.
func start[P Peer](construct func(Options) (P, error)) func(Options) (Peer, error) {
	return func(o Options) (Peer, error) { return construct(o) }
}

// plain is start for a peer without options.
func plain[P Peer](construct func() (P, error)) func(Options) (Peer, error) {
	return func(Options) (Peer, error) { return construct() }
}

// Kinds are the peers that run in a Go process.
func Kinds() []Kind {
	return []Kind{
		{"pull", "pull", "github.com/echo-pull/pull", start(newPull)},
		{"pull-sse", "pull-sse", "github.com/echo-pull/pull", start(newPull)},
		{"pull-deflate", "pull-deflate", "github.com/echo-pull/pull", start(newDeflatedPull)},
		{"melody", "websocket", "github.com/olahol/melody", plain(newMelody)},
		{"melody-index", "websocket", "github.com/olahol/melody", plain(newIndexedMelody)},
		{"centrifuge", "centrifuge", "github.com/centrifugal/centrifuge", start(newCentrifuge)},
		{"centrifuge-tuned", "centrifuge", "github.com/centrifugal/centrifuge", start(newTunedCentrifuge)},
		{"gorilla", "websocket", "github.com/gorilla/websocket", plain(newGorilla)},
		{"coder", "websocket", "github.com/coder/websocket", plain(newCoder)},
		{"gws", "websocket", "github.com/lxzan/gws", plain(newGWS)},
		{"go-sse", "sse", "github.com/tmaxmax/go-sse", plain(newSSE)},
		{"raw", "websocket", "", plain(newRaw)},
	}
}

// User returns the name of user number n.
func User(n int64) string { return "u" + strconv.FormatInt(n, 10) }

// identity returns the user that connects and its one tag.
func identity(r *http.Request) (user, tag string) {
	query := r.URL.Query()
	return query.Get("user"), query.Get("tag")
}

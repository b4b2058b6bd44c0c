// Package peer holds what is compared: each file runs one library the way its
// documentation shows, as one process that clients connect to.
package peer

import (
	"context"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// A Peer is a server under test. Clients connect through its ServeHTTP. Its
// other methods are called by one goroutine at a time.
type Peer interface {
	http.Handler

	// Broadcast, User and Tag send a message to everyone, to the connections
	// of a user, and to those that hold a tag.
	Broadcast(m wire.Message) error
	User(user string, m wire.Message) error
	Tag(tag string, m wire.Message) error

	// Request lets an HTTP handler of the application send messages to a user.
	Request(ctx context.Context, user string, messages []wire.Message) error

	Close()
}

// A Kind is a peer that can be started.
type Kind struct {
	Name    string
	Dialect string // what clients speak: see package load
	Module  string // whose version is reported
	New     func() (Peer, error)
}

// Version is the library's; "" where there is none, or it is the one this
// module lies in.
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

// start makes a constructor of a concrete peer one of any.
func start[P Peer](construct func() (P, error)) func() (Peer, error) {
	return func() (Peer, error) { return construct() }
}

// Kinds are the peers that run in a Go process.
func Kinds() []Kind {
	return []Kind{
		{"pull", "pull", "github.com/echo-pull/pull", start(newPull)},
		{"pull-sse", "pull-sse", "github.com/echo-pull/pull", start(newPull)},
		{"melody", "websocket", "github.com/olahol/melody", start(newMelody)},
		{"melody-index", "websocket", "github.com/olahol/melody", start(newIndexedMelody)},
		{"centrifuge", "centrifuge", "github.com/centrifugal/centrifuge", start(newCentrifuge)},
		{"centrifuge-tuned", "centrifuge", "github.com/centrifugal/centrifuge", start(newTunedCentrifuge)},
		{"gorilla", "websocket", "github.com/gorilla/websocket", start(newGorilla)},
		{"coder", "websocket", "github.com/coder/websocket", start(newCoder)},
		{"gws", "websocket", "github.com/lxzan/gws", start(newGWS)},
		{"go-sse", "sse", "github.com/tmaxmax/go-sse", start(newSSE)},
		{"raw", "websocket", "", start(newRaw)},
	}
}

// User is the name of user number n.
func User(n int64) string { return "u" + strconv.FormatInt(n, 10) }

// identity tells who connects: the user and the one tag it holds.
func identity(r *http.Request) (user, tag string) {
	query := r.URL.Query()
	return query.Get("user"), query.Get("tag")
}

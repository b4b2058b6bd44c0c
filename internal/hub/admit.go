package hub

import (
	"errors"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
)

var (
	// ErrNoLog is returned by Admit until the hub has applied a message of its
	// own.
	ErrNoLog = errors.New("pull: the log is not reached yet")

	// ErrDisconnected is returned by Join if the user was disconnected while
	// the page was connecting.
	ErrDisconnected = errors.New("pull: disconnected")

	// ErrFullForPayer is returned by Admit if the payer has too many
	// connections.
	ErrFullForPayer = errors.New("too many connections of one payer")

	// ErrFull is returned by Admit if there are too many connections.
	ErrFull = errors.New("too many connections")

	// ErrRecentlyDisconnected is returned by Admit if the login of the page may be
	// from before a disconnect of its user.
	ErrRecentlyDisconnected = errors.New("disconnected a moment ago, try again")

	// ErrStopping is returned by Join once StopJoining was called.
	ErrStopping = errors.New("pull: shutting down")

	errTooManyAhead = errors.New("pull: too many pages are ahead of the log")
)

// Admit reserves a place for a connection before it is accepted. It refuses the
// connection
//   - until a message of this node has come back from the log,
//   - if there are most connections, 0 for no bound,
//   - if the payer, to whom it is charged, has mostOfPayer of them,
//   - if its login may be stale, which means that it may have been checked
//     before a disconnect of the user a moment ago.
func (h *Hub) Admit(payer, user string, stale bool, most, mostOfPayer int) error {
	h.mu.Lock()
	defer h.mu.Unlock()

	if h.applied.Load() == 0 {
		return ErrNoLog
	}
	return h.roster.takePlace(payer, user, stale, most, mostOfPayer)
}

// Release returns a place that Admit has reserved.
func (h *Hub) Release(payer string) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.roster.returnPlace(payer)
}

// PlacesOf returns how many places a payer has.
func (h *Hub) PlacesOf(payer string) int {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.roster.placesOf[payer]
}

// Disconnects returns the number of disconnects of users so far. A page that
// began to connect before its user was disconnected cannot join afterwards.
func (h *Hub) Disconnects() uint64 { return h.roster.bans.Load() }

// Disconnect keeps the user's pages that are connecting from joining, and
// returns those that have joined.
func (h *Hub) Disconnect(user string) []*Page {
	h.mu.Lock()
	defer h.mu.Unlock()

	return h.roster.ban(user, time.Now(), h.history.Last())
}

// StopJoining keeps further pages from joining, and returns those that have
// joined.
func (h *Hub) StopJoining() []*Page {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.stopping = true
	return slices.Clone(h.roster.all)
}

// Pages returns the pages that have joined.
func (h *Hub) Pages() []*Page {
	h.mu.Lock()
	defer h.mu.Unlock()

	return slices.Clone(h.roster.all)
}

// FindPage returns the user's page with the client id, or the page of the tab with this
// id, or nil.
func (h *Hub) FindPage(user, client string) *Page {
	h.mu.Lock()
	defer h.mu.Unlock()

	if p := h.roster.find(user, client); p != nil {
		return p
	}
	connection, _ := envelope.SplitTab(client)
	return h.roster.find(user, connection)
}

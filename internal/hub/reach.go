package hub

import (
	"errors"
	"time"
)

// mostSilence is how long a node that reaches the log may take to receive a
// message of its own: it publishes one at least every BeatEvery.
const mostSilence = BeatEvery + 5*time.Second

var errSilent = errors.New("pull: nothing that this node has published came back from the log for 25 seconds")

// Reached returns nil if this node's own messages come back from the log. It
// returns ErrNoLog before the first one, and another error if there was none for
// longer than a working log takes.
func (h *Hub) Reached(now time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()

	switch {
	case h.applied.Load() == 0:
		return ErrNoLog
	case now.Sub(h.returned) > mostSilence:
		return errSilent
	}
	return nil
}

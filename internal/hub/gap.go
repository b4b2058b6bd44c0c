package hub

import (
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/tally"
)

// The causes of gaps.
const (
	gapWindow    = "window"     // the window does not cover the time since the cursor
	gapEpoch     = "epoch"      // the cursor is of another log
	gapAhead     = "ahead"      // the cursor is beyond the end of the log
	gapMalformed = "malformed"  // the cursor is none
	gapBehind    = "behind"     // the node may lack watches of the user from the time since the cursor
	gapGrant     = "grant"      // a watch came too late for messages that it covers
	gapBrokenLog = "broken_log" // the log has lost messages, or was replaced, while the page was connected
)

func newGaps() tally.Counts {
	return tally.New(gapWindow, gapEpoch, gapAhead, gapMalformed, gapBehind, gapGrant, gapBrokenLog)
}

// gapOf returns why a page of the user cannot recover from its cursor, or "" if it can or
// has none. The caller holds mu.
func (h *Hub) gapOf(user string, at *envelope.Cursor) (cause string) {
	switch {
	case at == nil:
		return ""
	case at.Epoch == "":
		return gapMalformed
	case at.Epoch != h.epoch:
		return gapEpoch
	case at.Offset > h.history.Last():
		return gapAhead
	case !h.history.Covers(at.Offset):
		return gapWindow
	case h.mayLackWatches(user, at.Offset):
		return gapBehind
	}
	return ""
}

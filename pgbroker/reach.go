package pgbroker

import (
	"errors"
	"strings"
)

// isOutOfReach reports whether an error is about the connection, or the server as
// a whole, which the same call may reach later. All others are about the log.
func isOutOfReach(err error) bool {
	if errors.Is(err, errOther) || errors.Is(err, errNameless) {
		return false
	}
	state := stateOf(err)
	return state == "" || strings.HasPrefix(state, "08") || strings.HasPrefix(state, "53") || strings.HasPrefix(state, "57")
}

// stateOf returns the SQLSTATE of an error, or "".
func stateOf(err error) string {
	var coded interface{ SQLState() string } // the errors of pgx, and of lib/pq
	if errors.As(err, &coded) {
		return coded.SQLState()
	}
	return ""
}

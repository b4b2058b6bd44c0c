package envelope

import (
	"bytes"
	"encoding/binary"
	"time"
)

// Relay encodes a message of a page. sender is the name of the page, see
// [SenderName]: it must have a user. No node delivers the message after expires.
func Relay(sender string, to *Term, body []byte, at, expires time.Time) []byte {
	b := AppendHeader(make([]byte, 0, HeaderBytes+2*len(body)), KindRelay, at)
	b = binary.AppendUvarint(b, uint64(expires.Add(time.Second-1).Unix())) //nolint:gosec // the clock is past 1970
	return append(AppendAddress(b, sender, to, nil), body...)
}

// SenderUser returns the user in the name of a page. There is none in a malformed
// name.
func SenderUser(name []byte) []byte {
	_, user, _ := bytes.Cut(name, []byte("/"))
	return user
}

// isRelay reports whether what was parsed can be a message of a page: it has a
// sender and no flags, and is not for everyone.
func isRelay(e *Envelope, flags byte) bool {
	for t := range e.Addr.Terms() {
		if t.Shared {
			return false
		}
	}
	return flags == 0 && len(SenderUser(e.Addr.Sender())) > 0
}

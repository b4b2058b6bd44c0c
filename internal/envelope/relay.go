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
	return appendMomentary(b, sender, to, body, expires)
}

// Update encodes what a node shows to the pages that watch a tag. No node delivers it
// after expires.
func Update(tag string, body []byte, at, expires time.Time) []byte {
	b := AppendHeader(make([]byte, 0, HeaderBytes+2*len(body)), KindUpdate, at)
	return appendMomentary(b, "", &Term{Tags: []string{tag}}, body, expires)
}

func appendMomentary(b []byte, sender string, to *Term, body []byte, expires time.Time) []byte {
	b = binary.AppendUvarint(b, uint64(expires.Add(time.Second-1).Unix())) //nolint:gosec // the clock is past 1970
	return append(AppendAddress(b, sender, to, nil), body...)
}

// SenderUser returns the user in the name of a page. There is none in a malformed
// name.
func SenderUser(name []byte) []byte {
	_, user, _ := bytes.Cut(name, []byte("/"))
	return user
}

// isMomentary reports whether what was parsed can be a message of a page, or an update:
// it has no flags, and is not for everyone. A message has a sender. An update has none,
// and is for tags alone.
func isMomentary(e *Envelope, flags byte) bool {
	isUpdate := e.Kind == KindUpdate
	for t := range e.Addr.Terms() {
		if t.Shared || isUpdate && t.Users.N > 0 {
			return false
		}
	}
	sender := e.Addr.Sender()
	if isUpdate {
		return flags == 0 && len(sender) == 0
	}
	return flags == 0 && len(SenderUser(sender)) > 0
}

package conn

import "github.com/echo-pull/pull/internal/protocol"

// fragments is the framing of html streams. Their items are complete Server-Sent Events,
// which nothing encloses.
type fragments struct{ events }

// AppendTick appends an event with an id alone, which moves the position of the client.
func (fragments) AppendTick(b []byte, epoch string, offset uint64) []byte {
	return protocol.AppendHTMLPosition(b, epoch, offset)
}

// AppendClose appends an event whose name tells a client whether to come back. Clients
// of other libraries do not read codes.
func (fragments) AppendClose(b []byte, code int, reason string) []byte {
	name := "event: pull:close\ndata: "
	if code == closeNotAllowed || code == closeViolation {
		name = "event: pull:stop\ndata: "
	}
	return append(protocol.AppendClose(append(b, name...), code, reason), "\n\n"...)
}

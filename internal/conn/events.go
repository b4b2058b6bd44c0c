package conn

import (
	"strconv"

	"github.com/echo-pull/pull/internal/protocol"
)

// events is the framing of Server-Sent Events:
// https://html.spec.whatwg.org/multipage/server-sent-events.html.
type events struct{}

// AppendBegin appends the beginning of an event. Its id is the position, if epoch
// is not empty.
func (events) AppendBegin(b []byte, _ int, epoch string, last uint64) []byte {
	if epoch != "" {
		b = append(b, "id: "...)
		b = append(b, epoch...)
		b = append(b, '.')
		b = strconv.AppendUint(b, last, 10)
		b = append(b, '\n')
	}
	return append(b, "data: "...)
}

// AppendEnd appends the end of an event.
func (events) AppendEnd(b []byte) []byte { return append(b, "\n\n"...) }

// AppendPing appends a comment, which clients ignore.
func (events) AppendPing(b []byte) []byte { return append(b, ": ping\n\n"...) }

// AppendTick appends an event with a tick.
func (e events) AppendTick(b []byte, epoch string, offset uint64) []byte {
	return appendTick(b, e, epoch, offset)
}

// AppendClose appends an event with the code and the reason: Server-Sent Events
// have no close codes.
func (events) AppendClose(b []byte, code int, reason string) []byte {
	b = append(b, "event: close\ndata: "...)
	return append(protocol.AppendClose(b, code, reason), "\n\n"...)
}

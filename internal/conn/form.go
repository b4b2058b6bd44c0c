package conn

import (
	"iter"

	"github.com/echo-pull/pull/internal/protocol"
)

// A Form is how frames are encoded: the version of the protocol, and what encloses
// the messages. Each connection has one.
type Form uint8

// The forms. The zero value is that of a WebSocket of a current client.
const (
	Arrays       Form = iota // version 2 of the protocol, by WebSocket
	Objects                  // version 1, by WebSocket
	Deflated                 // version 2, by WebSocket, of which large frames may be compressed
	ArrayEvents              // version 2, as Server-Sent Events
	ObjectEvents             // version 1, as Server-Sent Events
	HTMX                     // an html stream for htmx 4
	HTMX2                    // an html stream for htmx 2
	Datastar                 // an html stream for Datastar
	FormCount                // their number
)

// versions are the versions of the forms.
var versions = [FormCount]protocol.Version{ //nolint:gochecknoglobals // a constant
	Arrays: protocol.V2, Objects: protocol.V1, Deflated: protocol.V2, ArrayEvents: protocol.V2, ObjectEvents: protocol.V1,
	HTMX: protocol.HTMX, HTMX2: protocol.HTMX2, Datastar: protocol.Datastar,
}

// formOf returns the form for a WebSocket, or for the html stream if v is a dialect of
// that.
func formOf(v protocol.Version) Form {
	switch v {
	case protocol.V1:
		return Objects
	case protocol.HTMX:
		return HTMX
	case protocol.HTMX2:
		return HTMX2
	case protocol.Datastar:
		return Datastar
	default:
		return Arrays
	}
}

// asEvents returns the form of the same version for a stream.
func (f Form) asEvents() Form {
	switch {
	case f.IsHTML():
		return f
	case f.Version() == protocol.V1:
		return ObjectEvents
	}
	return ArrayEvents
}

// Transports are the names of the transports, as Form.Transport returns them.
const (
	WebSocket = "websocket"
	Events    = "sse"  // Server-Sent Events
	HTML      = "html" // an html stream
)

// Transport returns the name of the transport whose frames have the form.
func (f Form) Transport() string {
	switch {
	case f.IsHTML():
		return HTML
	case f.IsEvent():
		return Events
	}
	return WebSocket
}

// IsEvent reports whether frames of the form are Server-Sent Events with messages.
func (f Form) IsEvent() bool { return f == ArrayEvents || f == ObjectEvents }

// IsHTML reports whether the form is that of an html stream. It has fragments, events
// and gaps, and no other messages.
func (f Form) IsHTML() bool { return f.Version().IsHTML() }

// Version returns the version of the protocol, or the dialect, to which a form belongs.
func (f Form) Version() protocol.Version { return versions[f] }

// Item returns an event, or a hello, in a form as the queue of a connection holds it.
func (f Form) Item(body []byte, epoch string, last uint64) Item {
	i := Item{Epoch: epoch, Last: last}
	if f.IsHTML() {
		i.raw = body
	} else {
		i.Body = body
	}
	return i
}

// framing returns how the form encloses messages.
func (f Form) framing() framing { //nolint:ireturn // there are three
	switch {
	case f.IsHTML():
		return fragments{}
	case f.IsEvent():
		return events{}
	default:
		return frames{}
	}
}

// Forms is a set of forms.
type Forms uint8

// With returns the set with one more form.
func (s Forms) With(f Form) Forms { return s | 1<<f }

// Has reports whether the set has the form.
func (s Forms) Has(f Form) bool { return s&(1<<f) != 0 }

// All yields the forms of the set.
func (s Forms) All() iter.Seq[Form] {
	return func(yield func(Form) bool) {
		for f := range FormCount {
			if s.Has(f) && !yield(f) {
				return
			}
		}
	}
}

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
	FormCount                // their number
)

// formOf returns the form for a WebSocket.
func formOf(v protocol.Version) Form {
	if v == protocol.V1 {
		return Objects
	}
	return Arrays
}

// asEvents returns the form of the same version for a stream.
func (f Form) asEvents() Form {
	if f.Version() == protocol.V1 {
		return ObjectEvents
	}
	return ArrayEvents
}

// isEvent reports whether frames of the form are Server-Sent Events.
func (f Form) isEvent() bool { return f == ArrayEvents || f == ObjectEvents }

// Version returns the version of the protocol to which a form belongs.
func (f Form) Version() protocol.Version {
	if f == Objects || f == ObjectEvents {
		return protocol.V1
	}
	return protocol.V2
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

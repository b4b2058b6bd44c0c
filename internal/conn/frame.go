package conn

import (
	"encoding/binary"
	"iter"

	"github.com/echo-pull/pull/internal/protocol"
)

// A Form is how the messages of a frame are encoded. Each connection has one.
type Form uint8

// The forms. The zero value is that of the clients of this version.
const (
	Arrays  Form = iota // version 2 of the protocol
	Objects             // version 1
	forms               // their number
)

// Version returns the version of the protocol to which a form belongs.
func (f Form) Version() protocol.Version {
	if f == Objects {
		return protocol.V1
	}
	return protocol.V2
}

// Forms is a set of forms.
type Forms uint8

// With returns the set with one more form.
func (s Forms) With(f Form) Forms { return s | 1<<f }

// All yields the forms of the set.
func (s Forms) All() iter.Seq[Form] {
	return func(yield func(Form) bool) {
		for f := range forms {
			if s&(1<<f) != 0 && !yield(f) {
				return
			}
		}
	}
}

// A Frame is a sequence of messages, encoded once for each form that a receiver
// has, and shared by all of them. It never changes once it is sealed.
type Frame struct {
	Epoch string // that of the last message; empty if the messages have no position
	Last  uint64 // offset of the last message, or 0 at the start of a log
	forms [forms]encoding
}

// An encoding is a frame in one form.
type encoding struct {
	raw  []byte // a WebSocket text frame: a JSON array of the messages
	body []byte // the part of raw between the array's brackets
}

// Body returns the messages in a form, separated by commas.
func (f *Frame) Body(as Form) []byte { return f.forms[as].body }

// FrameBuffer returns a buffer with room for size bytes of messages. Append the
// messages, separated by commas, and pass the buffer to Seal.
func FrameBuffer(size int) []byte {
	return append(make([]byte, maxFrameHeader, maxFrameHeader+2+size), '[')
}

// Seal completes a form of the frame. b is a FrameBuffer with appended messages.
func (f *Frame) Seal(as Form, b []byte) {
	e := &f.forms[as]
	e.body = b[maxFrameHeader+1:]
	b = append(b, ']')
	var header [maxFrameHeader]byte
	h := appendFrameHeader(header[:0], opText, len(b)-maxFrameHeader)
	e.raw = b[maxFrameHeader-len(h):]
	copy(e.raw, h)
}

// SealAll completes a frame of messages that are the same in every form.
func (f *Frame) SealAll(b []byte) {
	f.Seal(0, b)
	for i := range f.forms {
		f.forms[i] = f.forms[0]
	}
}

// WebSocket frames as a server writes them, RFC 6455 section 5.2: never masked,
// never fragmented.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA

	maxFrameHeader = 10
)

func appendFrameHeader(b []byte, op byte, length int) []byte {
	b = append(b, 0x80|op)
	switch {
	case length < 126:
		return append(b, byte(length)) //nolint:gosec // checked
	case length < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(b, 127), uint64(length))
	}
}

// appendControlFrame appends a frame of at most 125 bytes; more is cut off.
func appendControlFrame(b []byte, op byte, payload string) []byte {
	payload = payload[:min(len(payload), 125)]
	return append(appendFrameHeader(b, op, len(payload)), payload...)
}

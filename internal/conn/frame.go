package conn

import (
	"encoding/binary"
	"slices"
	"sync/atomic"
)

// A Frame is a sequence of messages, encoded once for each form that a receiver
// has, and shared by all of them. It never changes once it is sealed.
type Frame struct {
	Epoch string // that of the last message; empty if the messages have no position
	Last  uint64 // offset of the last message, or 0 at the start of a log
	forms [FormCount]encoding
	kept  atomic.Bool // a connection has queued the frame, or a part of it
}

// IsKept reports whether a connection may still need the bytes of the frame after
// Deliver. Otherwise they may serve another frame.
func (f *Frame) IsKept() bool { return f.kept.Load() }

// Size returns the bytes of the frame in a form in which it is sealed.
func (f *Frame) Size(as Form) int { return len(f.forms[as].raw) }

// An encoding is a frame in one form.
type encoding struct {
	raw   []byte // what is written: a JSON array of the messages, and what encloses it
	body  []byte // the messages, separated by commas; nil if only raw says them
	whole bool   // raw has compressed frames, or complete events of an html stream: it is written as it is
}

// item returns the encoding of a frame as the queue of a connection holds it:
// messages, which Flush joins with others, or what is written as it is.
func (e *encoding) item(f *Frame) Item {
	if e.whole {
		return Item{raw: e.raw}
	}
	return Item{Body: e.body, Epoch: f.Epoch, Last: f.Last}
}

// FrameBuffer returns a buffer with room for size bytes of messages. Append the
// messages, separated by commas unless the form is that of an html stream, and pass the
// buffer to Seal. used is the buffer of
// another frame, for which nobody has a use any more, or nil.
func FrameBuffer(used []byte, size int) []byte {
	if most := maxFrameHeader + 2 + size; cap(used) < most {
		used = make([]byte, 0, most)
	}
	return append(used[:maxFrameHeader], '[')
}

// Seal completes a form of the frame. b is a FrameBuffer with appended messages.
// Forms of the same version may share a buffer.
func (f *Frame) Seal(as Form, b []byte) {
	e := &f.forms[as]
	if as.IsHTML() {
		e.raw, e.whole = b[maxFrameHeader+1:], true
		return
	}
	e.body = b[maxFrameHeader+1:]
	b = append(b, ']')
	if as.IsEvent() {
		e.raw = f.asEvent(b[maxFrameHeader:])
		return
	}
	var header [maxFrameHeader]byte
	h := appendFrameHeader(header[:0], opText, len(b)-maxFrameHeader)
	e.raw = b[maxFrameHeader-len(h):]
	copy(e.raw, h)
}

// SealAll completes a frame of messages that are the same in every form. Html streams
// have no place for them.
func (f *Frame) SealAll(b []byte) {
	for as := range FormCount {
		if !as.IsHTML() {
			f.Seal(as, b)
		}
	}
}

// Join returns the messages of sealed frames in one frame, in a form. If some of
// them are compressed, or the form is that of an html stream, it has all of them as
// they are, one after the other: nothing is compressed again.
func Join(frames []*Frame, as Form) *Frame {
	last := frames[len(frames)-1]
	joined := &Frame{Epoch: last.Epoch, Last: last.Last}
	if slices.ContainsFunc(frames, func(f *Frame) bool { return f.forms[as].whole }) {
		e := &joined.forms[as]
		e.whole = true
		for _, f := range frames {
			e.raw = append(e.raw, f.forms[as].raw...)
		}
		return joined
	}
	size := 0
	for _, f := range frames {
		size += len(f.forms[as].body) + 1
	}
	b := FrameBuffer(nil, size)
	for i, f := range frames {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, f.forms[as].body...)
	}
	joined.Seal(as, b)
	return joined
}

// asEvent returns the array of messages as a Server-Sent Event.
func (f *Frame) asEvent(array []byte) []byte {
	b := make([]byte, 0, maxEventHead+len(f.Epoch)+len(array))
	b = events{}.AppendBegin(b, 0, f.Epoch, f.Last)
	return events{}.AppendEnd(append(b, array...))
}

// maxEventHead is the largest size of what surrounds the epoch and the messages
// in an event.
const maxEventHead = len("id: .\ndata: \n\n") + 20

// WebSocket frames as a server writes them, RFC 6455 section 5.2: never masked,
// never fragmented.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA

	rsvDeflated = 0x40 // the bit RSV1 beside the opcode: the message is compressed, RFC 7692 section 6

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

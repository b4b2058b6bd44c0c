package conn

import "encoding/binary"

// A Frame is a sequence of messages, encoded once and shared by all connections
// that receive it. It never changes once it is sealed.
type Frame struct {
	Epoch string // that of the last message; empty if the messages have no position
	Last  uint64 // offset of the last message, or 0 at the start of a log
	raw   []byte // a WebSocket text frame: a JSON array of the messages
	Body  []byte // the part of raw between the array's brackets
}

// FrameBuffer returns a buffer with room for size bytes of messages. Append the
// messages, separated by commas, and pass the buffer to Seal.
func FrameBuffer(size int) []byte {
	return append(make([]byte, maxFrameHeader, maxFrameHeader+2+size), '[')
}

// Seal completes the frame. b is a FrameBuffer with appended messages.
func (f *Frame) Seal(b []byte) {
	f.Body = b[maxFrameHeader+1:]
	b = append(b, ']')
	var header [maxFrameHeader]byte
	h := appendFrameHeader(header[:0], opText, len(b)-maxFrameHeader)
	f.raw = b[maxFrameHeader-len(h):]
	copy(f.raw, h)
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

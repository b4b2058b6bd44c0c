package conn

import "encoding/binary"

// A Frame is messages in a row, encoded once and shared by all connections that
// get them. It never changes once it is sealed.
type Frame struct {
	Epoch string
	Last  uint64 // offset of its last message; 0 for none
	raw   []byte // a WebSocket text frame: a JSON array of the messages
	Body  []byte // the part of raw between the array's brackets
}

// FrameBuffer returns a buffer to which so many bytes of messages, separated by
// commas, are appended before they are sealed.
func FrameBuffer(size int) []byte {
	return append(make([]byte, maxFrameHeader, maxFrameHeader+2+size), '[')
}

// Seal makes the frame of what was appended to a frameBuffer.
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

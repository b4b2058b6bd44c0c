package pull

import (
	"encoding/binary"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/window"
)

// parcelBytes bounds how much is joined into one frame for everybody at an
// address. It is far above what a request sends and far below a queue's bound.
const parcelBytes = 64 << 10

// A parcel is messages in a row for one address, encoded once and shared by all
// sessions there. It is sealed by the dispatcher before a session sees it. What
// sessions keep of it are its frame and body, which never change; the parcel
// itself is used again.
type parcel struct {
	addr     envelope.Address
	messages []window.Message // until it is sealed
	size     int              // bytes of the encoded messages, roughly
	wanted   bool             // by a session
	epoch    string
	last     uint64 // offset of its last message
	frame    []byte // a WebSocket text frame: a JSON array of the messages
	body     []byte // the part of frame between the array's brackets
}

func (p *parcel) add(m *window.Message) {
	p.messages = append(p.messages, *m)
	p.size += len(m.Body()) + protocol.MaxIDBytes
	p.last = m.Offset
}

func (p *parcel) seal() {
	b := make([]byte, maxFrameHeader, maxFrameHeader+2+p.size)
	b = append(b, '[')
	for i := range p.messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = protocol.AppendMessage(b, p.messages[i].Offset, p.messages[i].Body())
	}
	p.close(b)
}

// reset empties the parcel and keeps its room for messages.
func (p *parcel) reset() {
	clear(p.messages)
	*p = parcel{messages: p.messages[:0]}
}

// close makes b, a reserve for the header, a bracket and the messages, the frame.
func (p *parcel) close(b []byte) {
	p.body = b[maxFrameHeader+1:]
	b = append(b, ']')
	var header [maxFrameHeader]byte
	h := appendFrameHeader(header[:0], opText, len(b)-maxFrameHeader)
	p.frame = b[maxFrameHeader-len(h):]
	copy(p.frame, h)
}

// join makes one parcel of several.
func join(parcels []*parcel) *parcel {
	size := maxFrameHeader + 2
	for _, p := range parcels {
		size += len(p.body) + 1
	}
	b := append(make([]byte, maxFrameHeader, size), '[')
	for i, p := range parcels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p.body...)
	}
	last := parcels[len(parcels)-1]
	whole := &parcel{epoch: last.epoch, last: last.last, size: size}
	whole.close(b)
	return whole
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

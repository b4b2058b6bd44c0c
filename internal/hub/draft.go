package hub

import (
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/window"
)

// parcelBytes bounds how much is joined into one frame for everybody at an
// address. It is far above what a request sends and far below a queue's bound.
const parcelBytes = 64 << 10

// A draft is messages in a row for one address, on their way into a frame. It is
// sealed by the dispatcher before a session sees it. What sessions keep of it
// are the bytes of its frame; the parcel itself is used again.
type draft struct {
	frame    conn.Frame
	addr     envelope.Address
	messages []window.Message // until it is sealed
	size     int              // bytes of the encoded messages, roughly
	wanted   bool             // by a session
}

func (p *draft) add(m *window.Message) {
	p.messages = append(p.messages, *m)
	p.size += len(m.Body()) + protocol.MaxIDBytes
	p.frame.Last = m.Offset
}

func (p *draft) seal() {
	b := conn.FrameBuffer(p.size)
	for i := range p.messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = protocol.AppendMessage(b, p.messages[i].Offset, p.messages[i].Body())
	}
	p.frame.Seal(b)
}

// reset empties the parcel and keeps its room for messages.
func (p *draft) reset() {
	clear(p.messages)
	*p = draft{messages: p.messages[:0]}
}

// join makes one frame of several parcels.
func join(parcels []*draft) *conn.Frame {
	size := 0
	for _, p := range parcels {
		size += len(p.frame.Body) + 1
	}
	b := conn.FrameBuffer(size)
	for i, p := range parcels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p.frame.Body...)
	}
	last := &parcels[len(parcels)-1].frame
	whole := &conn.Frame{Epoch: last.Epoch, Last: last.Last}
	whole.Seal(b)
	return whole
}

package pull

import (
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/window"
)

// parcelBytes bounds how much is joined into one frame for everybody at an
// address. It is far above what a request sends and far below a queue's bound.
const parcelBytes = 64 << 10

// A parcel is messages in a row for one address, on their way into a frame. It is
// sealed by the dispatcher before a session sees it. What sessions keep of it
// are the bytes of its frame; the parcel itself is used again.
type parcel struct {
	frame    frame
	addr     envelope.Address
	messages []window.Message // until it is sealed
	size     int              // bytes of the encoded messages, roughly
	wanted   bool             // by a session
}

func (p *parcel) add(m *window.Message) {
	p.messages = append(p.messages, *m)
	p.size += len(m.Body()) + protocol.MaxIDBytes
	p.frame.last = m.Offset
}

func (p *parcel) seal() {
	b := frameBuffer(p.size)
	for i := range p.messages {
		if i > 0 {
			b = append(b, ',')
		}
		b = protocol.AppendMessage(b, p.messages[i].Offset, p.messages[i].Body())
	}
	p.frame.seal(b)
}

// reset empties the parcel and keeps its room for messages.
func (p *parcel) reset() {
	clear(p.messages)
	*p = parcel{messages: p.messages[:0]}
}

// join makes one frame of several parcels.
func join(parcels []*parcel) *frame {
	size := 0
	for _, p := range parcels {
		size += len(p.frame.body) + 1
	}
	b := frameBuffer(size)
	for i, p := range parcels {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, p.frame.body...)
	}
	last := &parcels[len(parcels)-1].frame
	whole := &frame{epoch: last.epoch, last: last.last}
	whole.seal(b)
	return whole
}

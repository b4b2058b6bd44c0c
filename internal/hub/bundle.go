package hub

import (
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/window"
)

// bundleBytes bounds how much is joined into one frame for all pages at an
// address. It is far above what a request sends and far below the bound of a
// queue.
const bundleBytes = 64 << 10

// A bundle is consecutive messages for one address, which leave as one frame.
// The dispatcher encodes the frame before any page gets it. A page keeps only
// the bytes of the frame; the bundle itself is reused.
type bundle struct {
	frame    conn.Frame
	addr     envelope.Address
	messages []window.Message // not yet encoded
	size     int              // approximate bytes of the encoded messages
	assigned bool             // to at least one page
}

// add appends the message.
func (b *bundle) add(m *window.Message) {
	b.messages = append(b.messages, *m)
	b.size += len(m.Body()) + protocol.MessageOverhead
	b.frame.Last = m.Offset
}

// encode writes the messages into the frame.
func (b *bundle) encode() {
	body := conn.FrameBuffer(b.size)
	for i := range b.messages {
		if i > 0 {
			body = append(body, ',')
		}
		body = protocol.AppendMessage(body, b.messages[i].Offset, b.messages[i].Body())
	}
	b.frame.Seal(body)
}

// reset empties the bundle and keeps its capacity for messages.
func (b *bundle) reset() {
	clear(b.messages)
	*b = bundle{messages: b.messages[:0]}
}

// mergeFrames returns one frame with the messages of several encoded bundles.
func mergeFrames(bundles []*bundle) *conn.Frame {
	size := 0
	for _, b := range bundles {
		size += len(b.frame.Body) + 1
	}
	body := conn.FrameBuffer(size)
	for i, b := range bundles {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, b.frame.Body...)
	}
	last := &bundles[len(bundles)-1].frame
	merged := &conn.Frame{Epoch: last.Epoch, Last: last.Last}
	merged.Seal(body)
	return merged
}

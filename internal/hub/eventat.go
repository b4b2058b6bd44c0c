package hub

import (
	"bytes"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/explain"
	"github.com/echo-pull/pull/internal/protocol"
)

// EventAt returns the event at an offset, or nil if the window does not have it.
func (h *Hub) EventAt(offset uint64) *explain.Event {
	m, _, ok := h.messageAt(envelope.Cursor{Offset: offset})
	if !ok {
		return nil
	}
	return explain.EventOf(&m, sentAt(&m))
}

// ParamsAt returns the params of the event at an offset, as JSON, or nil if the window does
// not have it.
func (h *Hub) ParamsAt(offset uint64) []byte {
	m, _, ok := h.messageAt(envelope.Cursor{Offset: offset})
	if !ok {
		return nil
	}
	body, _ := protocol.SplitBody(m.Body())
	return bytes.Clone(body.Params)
}

package hub

import (
	"bytes"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
	"github.com/echo-pull/pull/internal/window"
)

// What a page gets of a message depends on nothing but the message and the page: see
// personal. Pages with the zero variant share the body that the log has.

// A variant is what a page gets of a message besides, or in place of, what the body says.
type variant struct {
	params []byte // of the user alone, which are merged over the params
	tab    []byte // number of the one of the page's tabs that does not get the message
}

// isShared reports whether the page gets the body as the log has it.
func (v *variant) isShared() bool { return v.params == nil && v.tab == nil }

// equal reports whether two pages get the same.
func (v *variant) equal(other *variant) bool {
	return bytes.Equal(v.params, other.params) && bytes.Equal(v.tab, other.tab)
}

// size returns at most how many bytes the body has more.
func (v *variant) size() int {
	if v.tab == nil {
		return len(v.params)
	}
	return len(v.params) + protocol.TabBytes
}

// body returns a message's body as the page gets it.
func (v *variant) body(m *window.Message) []byte {
	if v.isShared() {
		return m.Body()
	}
	body := make([]byte, 0, len(m.Body())+v.size())
	if v.params == nil {
		body = append(body, m.Body()...)
	} else {
		body = protocol.AppendMerged(body, m.Body(), v.params)
	}
	if v.tab == nil {
		return body
	}
	return protocol.AppendTab(body, v.tab)
}

// A personal is the part of a message that determines its variants: the zero value has
// none. All messages with the same address have the same one.
type personal struct {
	perUser envelope.PerUser
	sender  []byte // a tab that does not get it
}

func personalOf(m *window.Message) (w personal) {
	if envelope.HasPerUser(m.Raw()) {
		w.perUser = envelope.Address(m.Addr()).PerUser()
	}
	if sender := envelope.Address(m.Addr()).Sender(); envelope.IsTabName(sender) {
		w.sender = sender
	}
	return w
}

// isShared reports whether all pages get the same.
func (w *personal) isShared() bool { return w.perUser == nil && w.sender == nil }

// variant returns what a page gets.
func (w *personal) variant(p *Page) (v variant) {
	if w.perUser != nil {
		v.params = w.perUser.Of(p.User)
	}
	if w.sender != nil {
		v.tab = envelope.SenderTab(w.sender, p.Client, p.User)
	}
	return v
}

package hub

import (
	"sync/atomic"

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
	personal personal  // of all its messages
	variants []*bundle // the same messages for pages that get them in another variant
	base     *bundle   // of which this is a variant, or nil
	variant  variant
	messages []window.Message // not yet encoded
	bodies   int              // total bytes of the bodies
	until    int64            // messages that were sent from then on are for other pages: a watch has expired; unix nanoseconds
	forms    conn.Forms       // of the pages to which it is assigned
	relay    bool             // the one message is of a page; it is followed by a tick
	timed    bool             // first is needed
	first    atomic.Int64     // when the first page was given it, as clock returns it; 0 before
	open     bool             // no message is secret, as far as is known: the frame may be compressed
	buffer   []byte           // of the frame, in the last version; the next frame gets it unless a page keeps this one
}

// A larger buffer, or list of variants, is not kept.
const (
	keptBuffer   = 1 << 10
	keptVariants = 64
)

// add appends a message. One that is secret keeps the frame from being compressed.
func (b *bundle) add(m *window.Message, secret bool) {
	b.messages = append(b.messages, *m)
	b.bodies += len(m.Body()) + b.variant.size()
	b.frame.Last = m.Offset
	b.open = b.open && !secret
}

// size returns roughly how many bytes the messages have in a form.
func (b *bundle) size(as conn.Form) int {
	return b.bodies + len(b.messages)*as.Version().Overhead()
}

// encode writes the messages into the frame, in each form that a page has.
func (b *bundle) encode() {
	var bodies [protocol.Versions][]byte
	used := b.buffer
	for form := range b.forms.All() {
		body := &bodies[form.Version()]
		if *body == nil {
			*body = b.encodeBody(used, form)
			used, b.buffer = nil, *body
		}
		b.frame.Seal(form, *body)
	}
}

// encodeBody returns the messages in a form. used is the buffer of another frame, or
// nil.
func (b *bundle) encodeBody(used []byte, as conn.Form) []byte {
	body := conn.FrameBuffer(used, b.size(as))
	if b.relay {
		return appendRelay(body, as, b.frame.Epoch, &b.messages[0], b.variant.tab)
	}
	for i := range b.messages {
		if i > 0 && !as.IsHTML() {
			body = append(body, ',')
		}
		body = appendMessage(body, as, b.frame.Epoch, &b.messages[i], &b.variant)
	}
	return body
}

// appendMessage appends a message of a log as pages with this form and variant receive
// it.
func appendMessage(b []byte, as conn.Form, epoch string, m *window.Message, v *variant) []byte {
	if as.IsHTML() {
		return as.Version().AppendHTMLEvent(b, epoch, m.Offset, v.body(m))
	}
	return as.Version().AppendEvent(b, m.Offset, sentAt(m), v.body(m))
}

// reset empties the bundle and keeps its memory for the next one.
func (b *bundle) reset() {
	clear(b.messages)
	clear(b.variants)
	variants := b.variants[:0]
	if cap(variants) > keptVariants {
		variants = nil
	}
	buffer := b.buffer
	if b.frame.IsKept() || cap(buffer) > keptBuffer {
		buffer = nil
	}
	*b = bundle{messages: b.messages[:0], variants: variants, buffer: buffer}
}

// mergeFrames returns one frame, in one form, with the messages of several
// encoded bundles.
func mergeFrames(bundles []*bundle, form conn.Form) *conn.Frame {
	frames := make([]*conn.Frame, len(bundles))
	for i, b := range bundles {
		frames[i] = &b.frame
	}
	return conn.Join(frames, form)
}

package engine

import (
	"io"
	"net/http"
	"sync/atomic"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
)

// A lateBody is a request's body that notes the position of the log at which it
// had been read. Until then the client chooses how long the request takes.
type lateBody struct {
	io.ReadCloser

	hub  *hub.Hub
	read atomic.Pointer[envelope.Cursor]
}

// replaceBody has the request's body be read through a lateBody, if there is one.
func replaceBody(r *http.Request, h *hub.Hub) *lateBody {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	b := &lateBody{ReadCloser: r.Body, hub: h}
	r.Body = b
	return b
}

func (b *lateBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.note()
	}
	return n, err
}

func (b *lateBody) Close() error {
	b.note()
	return b.ReadCloser.Close()
}

func (b *lateBody) note() {
	if b.read.Load() == nil {
		at := b.hub.Cursor()
		b.read.CompareAndSwap(nil, &at)
	}
}

// since returns from which position on a watch counts that is granted now by a
// request that began at a position.
func (b *lateBody) since(began envelope.Cursor) envelope.Cursor {
	if b == nil {
		return began
	}
	if read := b.read.Load(); read != nil {
		return *read
	}
	return b.hub.Cursor()
}

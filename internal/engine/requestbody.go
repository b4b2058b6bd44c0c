package engine

import (
	"io"
	"net/http"
	"sync/atomic"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/hub"
)

// A requestBody is a request's body that records the position of the log at
// which it had been read. Until then the client determines how long the request
// takes.
type requestBody struct {
	io.ReadCloser

	hub  *hub.Hub
	read atomic.Pointer[envelope.Cursor] // nil until the body has been read or closed
}

// recordBody replaces the request's body by a requestBody and returns that, or
// nil if the request has no body.
func recordBody(r *http.Request, h *hub.Hub) *requestBody {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	b := &requestBody{ReadCloser: r.Body, hub: h}
	r.Body = b
	return b
}

// Read implements [io.Reader].
func (b *requestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.record()
	}
	return n, err
}

// Close implements [io.Closer].
func (b *requestBody) Close() error {
	b.record()
	return b.ReadCloser.Close()
}

func (b *requestBody) record() {
	if b.read.Load() == nil {
		at := b.hub.Cursor()
		b.read.CompareAndSwap(nil, &at)
	}
}

// since returns the position from which a watch counts if it is granted now by
// a request that began at a position. b may be nil.
func (b *requestBody) since(began envelope.Cursor) envelope.Cursor {
	if b == nil {
		return began
	}
	if read := b.read.Load(); read != nil {
		return *read
	}
	return b.hub.Cursor()
}

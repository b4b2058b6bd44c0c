package pull

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/internal/envelope"
)

// A lateBody is a request's body that notes the position of the log at which it
// had been read. Until then the client chooses how long the request takes.
type lateBody struct {
	io.ReadCloser

	node *node
	read atomic.Pointer[envelope.Cursor]
}

// replaceBody has the request's body be read through a lateBody, if there is one.
func replaceBody(r *http.Request, n *node) *lateBody {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	b := &lateBody{ReadCloser: r.Body, node: n}
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
		at := b.node.cursor()
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
	return b.node.cursor()
}

// bodyWait is how long a client may take to send a request to the plugin.
const bodyWait = 10 * time.Second

// boundPost bounds the reading of a request to the plugin before middleware of
// the mount may read it.
func (p *Plugin) boundPost(c echo.Context, r *http.Request) {
	if r.ContentLength == 0 {
		return
	}
	if m := p.mounted.Load(); m != nil && m.posts[c.Path()] {
		boundReading(c)
	}
}

// bounded bounds the reading of a body that the handler does not read: the server
// does, before it sends the response.
func bounded(handler echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().ContentLength != 0 {
			boundReading(c)
		}
		return handler(c)
	}
}

// boundReading bounds how long reading the request's body may take, where the
// server does not. It returns what ends that.
func boundReading(c echo.Context) (unbound func()) {
	if server := serverOf(c.Request()); server != nil && server.ReadTimeout > 0 {
		return func() {}
	}
	ctl := http.NewResponseController(bare(c.Response()))
	_ = ctl.SetReadDeadline(time.Now().Add(bodyWait)) // only the writers of tests have none
	return func() { _ = ctl.SetReadDeadline(time.Time{}) }
}

package web

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/echo-pull/pull/internal/conn"
)

// bodyWait is how long a client may take to send the body of a request.
const bodyWait = 10 * time.Second

// BoundPost bounds the time of reading a request's body. It is called before
// middleware of the mounted group, which may read the body.
func (s *Server) BoundPost(c Context) { boundBody(c) }

// withBoundBody wraps a handler that does not read the body: net/http then reads
// the rest of it before it sends the response.
func withBoundBody(handler func(Context) error) func(Context) error {
	return func(c Context) error {
		if c.Request().ContentLength != 0 {
			boundBody(c)
		}
		return handler(c)
	}
}

// boundBody bounds the time of reading the request's body, unless the server's
// ReadTimeout is not longer anyway. unbound removes the bound.
func boundBody(c Context) (unbound func()) {
	if server := serverOf(c.Request()); server != nil && server.ReadTimeout > 0 && server.ReadTimeout <= bodyWait {
		return func() {}
	}
	ctl := http.NewResponseController(Bare(c.Response()))
	_ = ctl.SetReadDeadline(time.Now().Add(bodyWait)) // only response writers of tests have no deadlines
	return func() { _ = ctl.SetReadDeadline(time.Time{}) }
}

// readBody reads the body of a request of a page. It checks again that the session of the
// login goes on: the client determines how long the body takes.
func (s *Server) readBody(c Context) ([]byte, error) {
	body, err := readUpTo(c, conn.IncomingBytes, "16 KiB at most")
	if err != nil {
		return nil, err
	}
	login, err := s.loginOf(c)
	if err != nil {
		return nil, err
	}
	return body, s.checkEnded(login)
}

// readUpTo returns the body of a request unless it has more bytes than the limit, which
// tooLarge describes.
func readUpTo(c Context, limit int, tooLarge string) ([]byte, error) {
	unbound := boundBody(c)
	body, err := io.ReadAll(io.LimitReader(c.Request().Body, int64(limit)+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuse(http.StatusRequestTimeout, "the body has not come in time")
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "unreadable body")
	case len(body) > limit:
		return nil, refuse(http.StatusRequestEntityTooLarge, tooLarge)
	}
	unbound() // the deadline would also apply to the server's next read of the connection
	return body, nil
}

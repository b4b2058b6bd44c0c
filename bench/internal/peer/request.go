package peer

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull/bench/internal/wire"
)

// requests runs a handler inside a real Echo, without a network: the cost of a
// request on the wire is the same for every peer.
type requests struct {
	echo    *echo.Echo
	request *http.Request
}

// newRequests serves handler on its path.
func newRequests(e *echo.Echo, handler echo.HandlerFunc) *requests {
	e.POST("/request", handler)
	return &requests{echo: e, request: httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/request", http.NoBody)}
}

// do makes the handler send messages to a user.
func (r *requests) do(ctx context.Context, user string, messages []wire.Message) error {
	w := &status{header: http.Header{}}
	r.echo.ServeHTTP(w, r.request.WithContext(context.WithValue(ctx, taskKey{}, task{user, messages})))
	if w.code >= http.StatusBadRequest {
		return errors.New(http.StatusText(w.code))
	}
	return nil
}

// sendEach is the handler of a peer without an Echo plugin. It sends each message
// to the user while it runs.
func sendEach(send func(user string, m wire.Message) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		t := taskOf(c.Request().Context())
		for _, m := range t.messages {
			if err := send(t.user, m); err != nil {
				return err
			}
		}
		return c.NoContent(http.StatusNoContent)
	}
}

// A task is the work of a handler.
type task struct {
	user     string
	messages []wire.Message
}

type taskKey struct{}

func taskOf(ctx context.Context) task {
	t, _ := ctx.Value(taskKey{}).(task)
	return t
}

// status is a response writer that keeps only the status.
type status struct {
	header http.Header
	code   int
}

func (s *status) Header() http.Header         { return s.header }
func (s *status) Write(b []byte) (int, error) { return len(b), nil }
func (s *status) WriteHeader(code int)        { s.code = code }

package pull

import (
	"bufio"
	"net"
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/echo-pull/pull/internal/web"
)

// A statusWriter is a response writer that notes the status. If middleware such as
// Gzip has replaced the response, Echo's own response may not have the status
// until that middleware returns.
type statusWriter struct {
	http.ResponseWriter

	status int // 0 while there is none
}

// begin has the handlers of a request write through w, if what they would write
// to is not Echo's own response.
func (w *statusWriter) begin(c *echo.Context) {
	w.ResponseWriter = c.Response()
	if _, own := w.ResponseWriter.(*echo.Response); !own {
		c.SetResponse(w)
	}
}

// end takes w away, unless something else has taken its place.
func (w *statusWriter) end(c *echo.Context) {
	if c.Response() == http.ResponseWriter(w) {
		c.SetResponse(w.ResponseWriter)
	}
}

// highest returns the highest status that was set through w or below it, or 0. A
// writer above w may hide it from c.Response().
func (w *statusWriter) highest() int { return max(w.status, statusOf(w.ResponseWriter)) }

func (w *statusWriter) WriteHeader(status int) {
	w.status = max(w.status, status)
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

func (w *statusWriter) Flush() { _ = w.FlushError() }
func (w *statusWriter) FlushError() error {
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *statusWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// statusOf returns the highest status that was set so far, or 0. There is more
// than one response where middleware of net/http is wrapped.
func statusOf(w http.ResponseWriter) (status int) {
	for ; w != nil; w = web.Unwrap(w) {
		switch w := w.(type) {
		case *statusWriter:
			status = max(status, w.status)
		case *echo.Response:
			if w.Committed {
				status = max(status, w.Status)
			}
		}
	}
	return status
}

package pull

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// unwrap returns the writer below w, or nil.
func unwrap(w http.ResponseWriter) http.ResponseWriter {
	if wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return wrapper.Unwrap()
	}
	return nil
}

// bare unwraps the server's own writer: compression would hold events back.
func bare(w http.ResponseWriter) http.ResponseWriter {
	for {
		below := unwrap(w)
		if below == nil {
			return w
		}
		w = below
	}
}

// streams tells whether what is written can be sent at once.
func streams(w http.ResponseWriter) bool {
	switch bare(w).(type) {
	case http.Flusher, interface{ FlushError() error }:
		return true
	}
	return false
}

// hijacks tells whether the connection can be taken over. An Echo response says
// so of itself in any case: it depends on the writer below.
func hijacks(w http.ResponseWriter) bool {
	for ; w != nil; w = unwrap(w) {
		if _, response := w.(*echo.Response); response {
			continue
		}
		if _, ok := w.(http.Hijacker); ok {
			return true
		}
	}
	return false
}

// runHooks runs what the application has registered by Response.Before, such as
// a session's cookie: the header of a stream or an upgrade is not written through
// Echo. There is more than one response where middleware of net/http is wrapped.
func runHooks(w http.ResponseWriter, status int) {
	for ; w != nil; w = unwrap(w) {
		if r, ok := w.(*echo.Response); ok && !r.Committed {
			commit(r, status)
		}
	}
}

// commit runs the hooks of a response and sends nothing.
func commit(r *echo.Response, status int) {
	below := r.Writer
	defer func() { r.Writer = below }()
	r.Writer = unsent{below}
	r.WriteHeader(status)
}

// unsent keeps a header from being sent.
type unsent struct{ http.ResponseWriter }

func (unsent) WriteHeader(int) {}

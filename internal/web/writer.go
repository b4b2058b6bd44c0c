package web

import (
	"net/http"
)

// Unwrap returns the response writer that w wraps, or nil.
func Unwrap(w http.ResponseWriter) http.ResponseWriter {
	if wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return wrapper.Unwrap()
	}
	return nil
}

// Bare returns the server's own response writer, below all wrappers. Compression,
// for example, would hold events back.
func Bare(w http.ResponseWriter) http.ResponseWriter {
	for {
		below := Unwrap(w)
		if below == nil {
			return w
		}
		w = below
	}
}

// streams reports whether a response writer can be flushed.
func streams(w http.ResponseWriter) bool {
	switch Bare(w).(type) {
	case http.Flusher, interface{ FlushError() error }:
		return true
	}
	return false
}

// An Unsent is a response writer that keeps the header from being sent.
type Unsent struct{ http.ResponseWriter }

// WriteHeader does nothing.
func (Unsent) WriteHeader(int) {}

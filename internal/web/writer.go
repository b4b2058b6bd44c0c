package web

import (
	"net/http"
)

// Unwrap returns the writer below w, or nil.
func Unwrap(w http.ResponseWriter) http.ResponseWriter {
	if wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
		return wrapper.Unwrap()
	}
	return nil
}

// Bare unwraps the server's own writer: compression would hold events back.
func Bare(w http.ResponseWriter) http.ResponseWriter {
	for {
		below := Unwrap(w)
		if below == nil {
			return w
		}
		w = below
	}
}

// streams tells whether what is written can be sent at once.
func streams(w http.ResponseWriter) bool {
	switch Bare(w).(type) {
	case http.Flusher, interface{ FlushError() error }:
		return true
	}
	return false
}

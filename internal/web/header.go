package web

import (
	"net/http"
	"slices"
)

// The request of a stream stays in memory for as long as the stream lives, if the
// server writes its response.
const (
	maxLine    = 4 << 10  // largest size of a request line and host: net/http keeps a part of the line, and so all of it
	keptHeader = 4 << 10  // a header up to this size is kept
	hugeHeader = 16 << 10 // in a larger header, the large values are cleared in place
	keptValue  = 256
)

// shortenHeader replaces the header of a stream's request by a copy without its
// large values, if the header is large. What a logger reads from it after the
// request is usually short.
func (s *Server) shortenHeader(c Context) {
	r := c.Request()
	light := shortHeader(r.Header)
	if light == nil {
		return
	}
	r.Header = light
	if scope := s.engine.ScopeOf(r.Context()); scope != nil {
		scope.SetHeader(light)
	}
}

// shortHeader returns a copy of a header without its large values, or nil if the
// header is small.
func shortHeader(h http.Header) http.Header {
	size := 0
	for name, values := range h {
		size += valueSize(name, values)
	}
	if size <= keptHeader {
		return nil
	}
	light, left := make(http.Header), keptHeader
	for name, values := range h {
		bytes := valueSize(name, values)
		if bytes <= keptValue && bytes <= left {
			light[name], left = slices.Clone(values), left-bytes // net/http keeps the values of all keys in one array
		} else if size > hugeHeader {
			clear(values) // a copy of the request may share them
			delete(h, name)
		}
	}
	return light
}

// valueSize returns about how much memory the values of a header take.
func valueSize(name string, values []string) int {
	size := len(name) + 48
	for _, v := range values {
		size += len(v) + 16
	}
	return size
}

// refuseLongLine refuses a request line or host that is too long for a stream. It
// makes the server close the connection, which would keep the line in memory.
func refuseLongLine(w http.ResponseWriter, r *http.Request) error {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	return refuse(http.StatusRequestURITooLong, "4 KiB at most for a stream")
}

package web

import (
	"net/http"
	"slices"
)

// A stream's request stays in memory for as long as the stream lives.
const (
	longestLine = 4 << 10 // of a request line and the host: net/http keeps a part of it, and with that all of it
	lightHeader = 4 << 10 // bytes of a header that nobody minds
	hugeHeader  = 16 << 10
	lightValue  = 256
)

// unburden lets go of the long values in the header of a stream's request, if
// there is much of them. What a logger looks for afterwards is most often short.
func (s *Server) unburden(c Context) {
	r := c.Request()
	light := lightenHeader(r.Header)
	if light == nil {
		return
	}
	r.Header = light
	if scope := s.engine.ScopeOf(r.Context()); scope != nil {
		scope.SetHeader(light)
	}
}

// lightenHeader returns a copy of a header without what is large, or nil if it is
// light as it is.
func lightenHeader(h http.Header) http.Header {
	size := 0
	for name, values := range h {
		size += valueSize(name, values)
	}
	if size <= lightHeader {
		return nil
	}
	light, left := make(http.Header), lightHeader
	for name, values := range h {
		bytes := valueSize(name, values)
		if bytes <= lightValue && bytes <= left {
			light[name], left = slices.Clone(values), left-bytes // all values were one slice
		} else if size > hugeHeader {
			clear(values) // a copy of the request may have them, too
			delete(h, name)
		}
	}
	return light
}

// valueSize is about what a header's values take in memory.
func valueSize(name string, values []string) int {
	size := len(name) + 48
	for _, v := range values {
		size += len(v) + 16
	}
	return size
}

// refuseLine refuses a request line or host that is too long for a stream, and has
// the server let go of the connection, which would keep it.
func refuseLine(w http.ResponseWriter, r *http.Request) error {
	if r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	return refuse(http.StatusRequestURITooLong, "4 KiB at most for a stream")
}

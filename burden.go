package pull

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"
)

const (
	lightHeader = 8 << 10 // bytes of a header that nobody minds
	hugeHeader  = 16 << 10
	lightValue  = 256
	lightLine   = 1 << 10
)

// unburden lets go of what is large in the request of a stream, which stays in
// memory for as long as the stream lives: the long values of its header, and what
// follows the beginning of a long address. What a logger looks for afterwards is
// most often short, and the request itself is the same.
func (p *Plugin) unburden(c echo.Context) {
	r := c.Request()
	if len(r.RequestURI) > lightLine {
		shortenAddress(c, r)
	}
	if light := lightenHeader(r.Header); light != nil {
		r.Header = light
		if s := scopeOf(r.Context(), p); s != nil {
			s.outbox.header = light
		}
	}
}

func shortenAddress(c echo.Context, r *http.Request) {
	r.RequestURI = shorten(r.RequestURI, lightLine)
	u := r.URL
	u.Path, u.RawPath, u.RawQuery = shorten(u.Path, lightLine), shorten(u.RawPath, lightLine), shorten(u.RawQuery, lightLine)
	r.Form, r.PostForm = nil, nil
	query := c.QueryParams() // what somebody has asked for before is kept
	light, _ := url.ParseQuery(u.RawQuery)
	clear(query)
	for name := range light {
		query[name] = light[name]
	}
	values := c.ParamValues()
	for i := range values {
		values[i] = shorten(values[i], lightLine)
	}
}

// lightenHeader returns a copy of a header without what is large, or nil if it is
// light as it is.
func lightenHeader(h http.Header) http.Header {
	size := headerSize(h)
	if size <= lightHeader {
		return nil
	}
	light, left := make(http.Header), lightHeader
	for name, values := range h {
		bytes := valueSize(name, values)
		if bytes <= lightValue && bytes <= left {
			light[name], left = values, left-bytes
		} else if size > hugeHeader {
			delete(h, name) // a copy of the request may have it, too
		}
	}
	return light
}

func headerSize(h http.Header) (size int) {
	for name, values := range h {
		size += valueSize(name, values)
	}
	return size
}

// valueSize is about what a header's values take in memory.
func valueSize(name string, values []string) int {
	size := len(name) + 48
	for _, v := range values {
		size += len(v) + 16
	}
	return size
}

// shorten cuts what is longer, and lets go of the rest.
func shorten(s string, most int) string {
	return strings.Clone(s[:min(len(s), most)])
}

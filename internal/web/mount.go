package web

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// A mount is the place of the plugin's routes.
type mount struct {
	location location          // as browsers see it
	files    map[string]*asset // of all mounts, by route
	posts    map[string]bool   // routes that accept a body, of all mounts

	handshakes map[string]func(Context) error // routes with which pages connect, of all mounts
}

// Routes adds the plugin's routes to a framework. The paths are below the prefix
// of the mounted group; the results are the complete patterns.
type Routes interface {
	GET(path string, handler func(Context) error) (route string)
	POST(path string, handler func(Context) error) (route string)
	DELETE(path string, handler func(Context) error) (route string)
}

// Mount adds the plugin's routes. A prefix with a wildcard is reported as an
// error.
func (s *Server) Mount(r Routes) {
	connect, html := withBoundBody(s.counted(s.Connect)), withBoundBody(s.counted(s.HTML))
	path := r.GET("", connect)
	if strings.Contains(path, "*") {
		s.engine.Misconfigured(fmt.Errorf("pull: cannot mount at %s: the wildcard matches the paths below it", path))
		return
	}
	handshakes := map[string]func(Context) error{path: connect}
	slash := "/"
	if strings.HasSuffix(path, slash) {
		slash = "" // the prefix ends with one
	} else {
		handshakes[r.GET(slash, connect)] = connect
	}
	posts := make(map[string]bool)
	for _, end := range []string{"", "/"} {
		posts[r.POST(slash+"watch"+end, withBoundBody(s.counted(s.Watch)))] = true
		posts[r.POST(slash+"ticket"+end, withBoundBody(s.counted(s.Ticket)))] = true
		handshakes[r.GET(slash+"html"+end, html)] = html
		posts[r.POST(slash+"session"+end, withBoundBody(s.counted(s.Session)))] = true
		posts[r.POST(slash+"send"+end, withBoundBody(s.counted(s.Send)))] = true
		r.GET(slash+"push"+end, withBoundBody(s.counted(s.PushKey)))
		posts[r.POST(slash+"push"+end, withBoundBody(s.counted(s.Subscribe)))] = true
		posts[r.DELETE(slash+"push"+end, withBoundBody(s.counted(s.Unsubscribe)))] = true
	}
	files := make(map[string]*asset)
	for name, a := range assets {
		for _, end := range []string{"", "/"} {
			files[r.GET(slash+name+end, withBoundBody(a.serve))] = a
		}
	}
	s.setMount(path, &mount{location: s.public, files: files, posts: posts, handshakes: handshakes})
}

// setMount makes Head use the mount from now on. The files and posts of earlier
// mounts stay known.
func (s *Server) setMount(path string, m *mount) {
	if len(m.location.parts) == 0 {
		m.location = routeLocation(path)
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	if before := s.mounted.Load(); before != nil {
		maps.Copy(m.files, before.files)
		maps.Copy(m.posts, before.posts)
		maps.Copy(m.handshakes, before.handshakes)
	}
	s.mounted.Store(m)
}

// IsFile reports whether a route is that of a file of the client.
func (s *Server) IsFile(method, route string) bool {
	m := s.mounted.Load()
	return m != nil && method == http.MethodGet && m.files[route] != nil
}

// ServeFile serves the file of the client at the route of a request, for which
// IsFile must be true.
func (s *Server) ServeFile(c Context) error {
	return withBoundBody(s.mounted.Load().files[c.Route()].serve)(c)
}

// Handshake returns the function that serves a handshake with a ticket at a route, or nil
// for any other request. The ticket is the login: the function needs none of what
// middleware of the mounted group does, and refuses the request if the ticket is not valid.
func (s *Server) Handshake(r *http.Request, route string) func(Context) error {
	m := s.mounted.Load()
	if m == nil || r.Method != http.MethodGet || !strings.Contains(r.URL.RawQuery, "ticket") || m.handshakes[route] == nil {
		return nil
	}
	if !hasTicket(r, r.URL.Query()) {
		return nil
	}
	return m.handshakes[route]
}

// IsPost reports whether a route accepts requests with a body.
func (s *Server) IsPost(route string) bool {
	m := s.mounted.Load()
	return m != nil && m.posts[route]
}

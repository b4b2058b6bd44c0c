package web

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// A mount is where the plugin's routes are.
type mount struct {
	location location          // as browsers see it
	files    map[string]*asset // of all mounts, by the path of the route …
	posts    map[string]bool   // … and the paths that take requests with a body
}

// A Routes adds the plugin's routes to a framework, at paths below the prefix of the
// mounted group, and returns their patterns.
type Routes interface {
	GET(path string, handler func(Context) error) (route string)
	POST(path string, handler func(Context) error) (route string)
}

// Mount adds the plugin's routes. A prefix with a wildcard is reported.
func (s *Server) Mount(r Routes) {
	connect, watch := bounded(s.Connect), bounded(s.Watch)
	path := r.GET("", connect)
	if strings.Contains(path, "*") {
		s.engine.Report(fmt.Errorf("pull: cannot mount at %s: the wildcard matches the paths below it", path))
		return
	}
	slash := "/"
	if strings.HasSuffix(path, slash) {
		slash = "" // the prefix has it
	} else {
		r.GET(slash, connect)
	}
	posts := make(map[string]bool)
	for _, end := range []string{"", "/"} {
		posts[r.POST(slash+"watch"+end, watch)] = true
	}
	files := make(map[string]*asset)
	for name, a := range assets {
		for _, end := range []string{"", "/"} {
			files[r.GET(slash+name+end, bounded(a.serve))] = a
		}
	}
	s.mount(path, &mount{location: s.public, files: files, posts: posts})
}

// mount has Head name the path from now on.
func (s *Server) mount(path string, m *mount) {
	if len(m.location.parts) == 0 {
		m.location = routeLocation(path)
	}
	s.mu.Lock()
	defer s.mu.Unlock()

	if before := s.mounted.Load(); before != nil {
		maps.Copy(m.files, before.files)
		maps.Copy(m.posts, before.posts)
	}
	s.mounted.Store(m)
}

// IsFile reports whether a route is one of a file of the client.
func (s *Server) IsFile(method, route string) bool {
	m := s.mounted.Load()
	return m != nil && method == http.MethodGet && m.files[route] != nil
}

// ServeFile serves the file of the client at the route of a request.
func (s *Server) ServeFile(c Context) error {
	return bounded(s.mounted.Load().files[c.Route()].serve)(c)
}

// IsPost reports whether a route takes requests with a body.
func (s *Server) IsPost(route string) bool {
	m := s.mounted.Load()
	return m != nil && m.posts[route]
}

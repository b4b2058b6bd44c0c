// Package web serves a plugin over HTTP, independent of the framework. It checks
// who may connect, and serves connections, the requests of pages, and the files
// of the browser client.
package web

import (
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/oplog"
	"github.com/echo-pull/pull/internal/rate"
	"github.com/echo-pull/pull/internal/session"
)

// A Server serves a plugin over HTTP, independent of the framework. It is safe
// for concurrent use.
type Server struct {
	engine      *engine.Engine
	config      Config
	broadcaster *conn.Broadcaster
	origins     origins
	hosts       hosts
	public      location // of Config.PublicPath
	limits      limits
	delayed     atomic.Int32 // number of refusals that are being delayed
	reports     rate.Throttle
	servers     sync.Map // *http.Server → *atomic.Bool, whether it is shutting down

	sectionKey, identityKey string // keys of Context.Get

	mu      sync.Mutex // guards changes of mounted
	mounted atomic.Pointer[mount]
}

// Start starts an engine and returns the server that serves it. It returns an error, and
// logs it, if one of the configurations is invalid.
func Start(config Config, core engine.Config) (*Server, error) {
	s, err := newServer(config)
	if err == nil {
		s.engine, err = engine.New(core)
	}
	if err != nil {
		oplog.Unusable.Log(core.ActualLogger(), err)
		return nil, err
	}
	s.open()
	return s, nil
}

func newServer(config Config) (*Server, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{config: config, limits: newLimits(&config)}
	if s.origins, err = parseOrigins(config.AllowedOrigins); err != nil {
		return nil, err
	}
	if s.hosts, err = parseHosts(config.Hosts); err != nil {
		return nil, err
	}
	if s.public, err = config.publicLocation(); err != nil {
		return nil, err
	}
	return s, nil
}

// Engine returns the engine that the server serves.
func (s *Server) Engine() *engine.Engine { return s.engine }

// open makes the server serve its engine.
func (s *Server) open() {
	e := s.engine
	e.SetServer(s)
	s.broadcaster = conn.NewBroadcaster(e.Tick(), s.config.Compress)
	s.sectionKey, s.identityKey = "pull.section."+e.Hub().ID, "pull.identity."+e.Hub().ID
}

// SetSection marks a request as part of a section.
func (s *Server) SetSection(c Context, section engine.Section) { c.Set(s.sectionKey, section) }

// sectionOf returns the section of a request.
func (s *Server) sectionOf(c Context) engine.Section {
	if section, ok := c.Get(s.sectionKey).(engine.Section); ok {
		return section
	}
	return engine.PublicSection
}

// loginOf returns the login of a request. The result is kept in the scope of the
// request, or if it has none in the framework's context.
func (s *Server) loginOf(c Context) (session.Login, error) {
	if scope := s.scopeOf(c.Request()); scope != nil {
		return scope.Login(c.Framework())
	}
	i, known := c.Get(s.identityKey).(*engine.Identity)
	if !known {
		i = new(engine.Identity)
		c.Set(s.identityKey, i)
	}
	return i.Login(s.engine, c.Framework())
}

// scopeOf returns the scope of a request if it has not ended, else nil.
func (s *Server) scopeOf(r *http.Request) *engine.Scope {
	if scope := s.engine.ScopeOf(r.Context()); scope != nil && !scope.Ended() {
		return scope
	}
	return nil
}

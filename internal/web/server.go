// Package web serves a plugin over HTTP, whatever the framework: who may connect,
// connections, the requests of pages, and the files of the browser client.
package web

import (
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/rate"
)

// A Context is one request, as a web framework presents it.
type Context interface {
	Request() *http.Request
	Response() http.ResponseWriter

	// Framework returns the framework's own context, which Config.User takes.
	Framework() any

	// Route returns the pattern of the route, and Param a parameter of it.
	Route() string
	Param(name string) string

	// RealIP and Scheme return what the framework trusts, behind a proxy.
	RealIP() string
	Scheme() string

	// Get and Set keep values for the time of the request.
	Get(key string) any
	Set(key string, value any)

	// Committed reports whether the response has begun.
	Committed() bool

	// CanHijack reports whether the connection can be taken over.
	CanHijack() bool

	// Begin runs what the application has registered to run before the header is
	// written, without writing it. Unbegin says that nothing was written after all.
	Begin(status int)
	Unbegin()

	// HasStatus reports whether an error is one of the framework's with a status.
	HasStatus(err error) bool
}

// A Refusal is an error that a request is answered with.
type Refusal struct {
	Status int
	Reason string // Not Found: what was not found
}

func (r *Refusal) Error() string { return r.Reason }

func refuse(status int, reason string) *Refusal {
	return &Refusal{status, http.StatusText(status) + ": " + reason}
}

// A Server is what a plugin serves over HTTP, whatever the framework. It is safe
// for concurrent use.
type Server struct {
	engine      *engine.Engine
	config      Config
	broadcaster *conn.Broadcaster
	origins     origins
	hosts       hosts
	public      location // of Config.PublicPath
	limits      limits
	lingering   atomic.Int32 // refusals that are delayed
	reports     rate.Seldom
	servers     sync.Map // *http.Server → *atomic.Bool, whether it is shutting down

	sectionKey, identityKey string // of a Context

	mu      sync.Mutex // held while mounted changes
	mounted atomic.Pointer[mount]
}

// New returns a server, which serves once it is opened. It returns an error
// for an invalid configuration.
func New(config Config) (*Server, error) {
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

// Open has the server serve an engine.
func (s *Server) Open(e *engine.Engine) {
	s.engine, s.broadcaster = e, conn.NewBroadcaster(e.Tick())
	s.sectionKey, s.identityKey = "pull.section."+e.Hub().ID, "pull.identity."+e.Hub().ID
}

// SetSection marks a request as one of a section.
func (s *Server) SetSection(c Context, section engine.Section) { c.Set(s.sectionKey, section) }

func (s *Server) sectionOf(c Context) engine.Section {
	if section, ok := c.Get(s.sectionKey).(engine.Section); ok {
		return section
	}
	return engine.PublicSection
}

// userOf returns who is behind a request. If the request has no scope, the
// framework's context keeps the answer.
func (s *Server) userOf(c Context) (string, error) {
	if scope := s.scopeOf(c.Request()); scope != nil {
		return scope.User()
	}
	i, known := c.Get(s.identityKey).(*engine.Identity)
	if !known {
		i = new(engine.Identity)
		c.Set(s.identityKey, i)
	}
	return i.User(s.engine, c.Framework())
}

// scopeOf returns the scope of a request that has not ended, or nil.
func (s *Server) scopeOf(r *http.Request) *engine.Scope {
	if scope := s.engine.ScopeOf(r.Context()); scope != nil && !scope.Ended() {
		return scope
	}
	return nil
}

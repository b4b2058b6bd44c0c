// Package autopushtest is a stand-in for Mozilla's push service (autopush), with
// which tests of notifications in Firefox need no network: browsers connect to it
// with the WebSocket protocol of autopush, and application servers post messages
// with RFC 8030, 8291 and 8292, whose rules it enforces.
package autopushtest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Origin is the origin of all endpoints: that of the service for which the server
// stands in, so that a client with a list of allowed hosts accepts them.
const Origin = "https://" + host

const (
	host = "updates.push.services.mozilla.com"
	path = "/wpush/v2/" // of endpoints
)

// A Server is the push service. It is safe for concurrent use.
type Server struct {
	web *httptest.Server // nil if the test serves it

	mu       sync.Mutex // guards what follows, channels and agents
	agents   map[string]*agent
	channels map[string]*channel // by the end of the endpoint's path
	posts    []Post
}

// An agent is a browser.
type agent struct {
	id   string
	conn *websocket.Conn // nil if the browser is away; the server's lock guards writing
}

// A channel is a subscription.
type channel struct {
	id     string // the browser's name for it
	agent  *agent
	key    []byte // of the application server
	gone   bool   // unsubscribed
	queue  []*message
	acks   []int
	script []Outcome
}

// A message waits for its browser's acknowledgement.
type message struct {
	id, topic string
	expires   time.Time
	frame     notification
}

// Start starts a server. The caller closes it.
func Start() *Server {
	s := newServer()
	s.web = httptest.NewServer(s)
	return s
}

func newServer() *Server {
	return &Server{agents: make(map[string]*agent), channels: make(map[string]*channel)}
}

// Close ends the server and all connections.
func (s *Server) Close() {
	s.Cut()
	s.web.Close()
}

// Addr returns the address at which the server gets what is for the service's host.
func (s *Server) Addr() string { return s.web.Listener.Addr().String() }

// Preferences are those of a Firefox that uses the server.
func (s *Server) Preferences() map[string]any {
	return map[string]any{
		"dom.push.connection.enabled":              true, // although it is the default: with WebDriver it is not
		"dom.push.serverURL":                       "ws" + strings.TrimPrefix(s.web.URL, "http") + "/",
		"dom.push.testing.allowInsecureServerURL":  true,
		"dom.push.retryBaseInterval":               100, // milliseconds until the browser connects again
		"permissions.default.desktop-notification": 1,   // granted
	}
}

// Client returns a client whose requests to the service's host get to this server.
// Requests to other hosts fail.
func (s *Server) Client() *http.Client {
	return &http.Client{
		Transport:     route{s},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type route struct{ server *Server }

func (r route) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.URL.Scheme+"://"+request.URL.Host != Origin {
		return nil, errors.New("autopushtest: no route to " + request.URL.Host)
	}
	inside := request.Clone(request.Context())
	inside.Host = request.URL.Host
	inside.URL.Scheme, inside.URL.Host = "http", r.server.web.Listener.Addr().String()
	return http.DefaultTransport.RoundTrip(inside)
}

// ServeHTTP serves browsers and application servers.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if websocket.IsWebSocketUpgrade(r) {
		s.serveAgent(w, r)
		return
	}
	s.servePost(w, r)
}

// Cut cuts the connections of all browsers. They connect again.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.agents {
		if a.conn != nil {
			_ = a.conn.Close()
		}
	}
}

// Forget forgets all browsers, as the service does with those that were away for
// long: their subscriptions are gone, which they notice when they connect.
func (s *Server) Forget() {
	s.Cut()
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.agents)
	for _, c := range s.channels {
		c.gone = true
	}
}

// Connected returns the number of browsers that are connected.
func (s *Server) Connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, a := range s.agents {
		if a.conn != nil {
			n++
		}
	}
	return n
}

// Acks returns what a browser has reported of the messages of a subscription, in
// codes of autopush: 100 for delivered, 101 if it could not decrypt one, 102 if it
// was not delivered, and 301 to 303 if the worker failed.
func (s *Server) Acks(endpoint string) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[strings.TrimPrefix(endpoint, Origin+path)]; c != nil {
		return slices.Clone(c.acks)
	}
	return nil
}

// Waiting returns how many messages of a subscription wait for its browser.
func (s *Server) Waiting(endpoint string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[strings.TrimPrefix(endpoint, Origin+path)]
	if c == nil {
		return 0
	}
	c.expire(time.Now())
	return len(c.queue)
}

// Gone reports whether a subscription has ended.
func (s *Server) Gone(endpoint string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channels[strings.TrimPrefix(endpoint, Origin+path)]
	return c == nil || c.gone
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

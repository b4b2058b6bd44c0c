package autopushtest

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// A request is a message of a browser. One without a type is a ping.
type request struct {
	Type       string `json:"messageType"`
	UserAgent  string `json:"uaid"`
	Channel    string `json:"channelID"`
	Key        string `json:"key"`
	Version    string `json:"version"`
	Code       int    `json:"code"`
	UseWebPush bool   `json:"use_webpush"`
	Updates    []struct {
		Channel string `json:"channelID"`
		Version string `json:"version"`
		Code    int    `json:"code"`
	} `json:"updates"`
}

// A notification brings a message to a browser.
type notification struct {
	Type    string            `json:"messageType"`
	Channel string            `json:"channelID"`
	Version string            `json:"version"`
	Data    string            `json:"data,omitempty"` // base64url of the body
	Headers map[string]string `json:"headers,omitempty"`
}

type object map[string]any

// serveAgent serves the connection of a browser.
func (s *Server) serveAgent(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{
		Subprotocols: []string{"push-notification"},
		CheckOrigin:  func(*http.Request) bool { return true }, // Firefox sends that of an internal page
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	var hello request
	if conn.ReadJSON(&hello) != nil || hello.Type != "hello" || !hello.UseWebPush {
		return
	}
	a := s.enter(conn, hello.UserAgent)
	defer s.leave(a, conn)
	for {
		var one request
		if conn.ReadJSON(&one) != nil {
			return
		}
		if reply := s.handle(a, &one); reply != nil {
			s.mu.Lock()
			err := conn.WriteJSON(reply)
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}
}

// enter replies to the hello of a browser, under its old name if the server knows
// it, and sends it what waits.
func (s *Server) enter(conn *websocket.Conn, name string) *agent {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.agents[name]
	if a == nil {
		a = &agent{id: newID()}
		s.agents[a.id] = a
	}
	if a.conn != nil {
		_ = a.conn.Close()
	}
	a.conn = conn
	_ = conn.WriteJSON(object{
		"messageType": "hello", "uaid": a.id, "status": http.StatusOK, "use_webpush": true, "broadcasts": object{},
	})
	for _, c := range s.channels {
		if c.agent != a {
			continue
		}
		c.expire(time.Now())
		for _, m := range c.queue {
			_ = conn.WriteJSON(m.frame)
		}
	}
	return a
}

func (s *Server) leave(a *agent, conn *websocket.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.conn == conn {
		a.conn = nil
	}
}

// handle returns the reply to a request, or nil if it gets none.
func (s *Server) handle(a *agent, r *request) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.Type {
	case "":
		return object{}
	case "register":
		return s.register(a, r)
	case "unregister":
		if c := s.find(a, r.Channel); c != nil {
			c.gone, c.queue = true, nil
		}
		return object{"messageType": "unregister", "channelID": r.Channel, "status": http.StatusOK}
	case "ack":
		for _, u := range r.Updates {
			s.acknowledge(s.find(a, u.Channel), u.Version, u.Code)
		}
	case "nack":
		for _, c := range s.channels {
			if c.agent == a && c.has(r.Version) {
				s.acknowledge(c, r.Version, r.Code)
			}
		}
	}
	return nil
}

func (s *Server) register(a *agent, r *request) any {
	key, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(r.Key, "="))
	if err != nil || len(key) == 0 {
		return object{"messageType": "register", "channelID": r.Channel, "status": http.StatusBadRequest}
	}
	id := newID()
	s.channels[id] = &channel{id: r.Channel, agent: a, key: key}
	return object{
		"messageType": "register", "channelID": r.Channel, "status": http.StatusOK, "pushEndpoint": Origin + path + id,
	}
}

func (s *Server) find(a *agent, name string) *channel {
	for _, c := range s.channels {
		if c.agent == a && c.id == name && !c.gone {
			return c
		}
	}
	return nil
}

func (s *Server) acknowledge(c *channel, version string, code int) {
	if c != nil {
		c.acks = append(c.acks, code)
		c.queue = slices.DeleteFunc(c.queue, func(m *message) bool { return m.id == version })
	}
}

func (c *channel) has(version string) bool {
	return slices.ContainsFunc(c.queue, func(m *message) bool { return m.id == version })
}

// expire drops the messages whose time to live is over.
func (c *channel) expire(now time.Time) {
	c.queue = slices.DeleteFunc(c.queue, func(m *message) bool { return !m.expires.After(now) })
}

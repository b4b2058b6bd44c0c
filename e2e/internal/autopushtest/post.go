package autopushtest

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxBody is the largest body that a push service must accept, and Mozilla's does
// not accept more (RFC 8030, section 7.2).
const maxBody = 4096

// A Post is a request of an application server, with the status of its response.
type Post struct {
	Endpoint string
	Header   http.Header
	Size     int // of the body, in bytes
	Status   int
}

// An Outcome is the response to a request, whatever that is.
type Outcome struct {
	Status     int           // 201 for what a request without a script gets
	RetryAfter time.Duration // no header if it is 0
}

// Script has the next requests to an endpoint end so, one after the other. A
// status of 410 ends the subscription as well.
func (s *Server) Script(endpoint string, outcomes ...Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.channels[strings.TrimPrefix(endpoint, Origin+path)]; c != nil {
		c.script = append(c.script, outcomes...)
	}
}

// Posts returns all requests to an endpoint, or all if that is "".
func (s *Server) Posts(endpoint string) []Post {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.posts), func(p Post) bool { return endpoint != "" && p.Endpoint != endpoint })
}

// A refusal is a response that is not a success.
type refusal struct {
	status int
	reason string
}

func (s *Server) servePost(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	status := http.StatusCreated
	defer func() {
		s.posts = append(s.posts, Post{"https://" + r.Host + r.URL.Path, r.Header.Clone(), len(body), status})
	}()
	c := s.channels[strings.TrimPrefix(r.URL.Path, path)]
	if refused := s.check(c, r, body); refused != nil {
		status = refused.status
		http.Error(w, refused.reason, status)
		return
	}
	if o := c.next(); o.Status != http.StatusCreated {
		status = o.Status
		if o.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(o.RetryAfter.Seconds())))
		}
		c.gone = c.gone || status == http.StatusGone
		w.WriteHeader(status)
		return
	}
	m := c.push(r.Header, body, time.Now())
	w.Header().Set("Location", Origin+"/m/"+m.id)
	w.Header().Set("TTL", r.Header.Get("TTL"))
	w.WriteHeader(status)
}

// check returns why a request is refused, or nil.
func (s *Server) check(c *channel, r *http.Request, body []byte) *refusal {
	ttl, err := strconv.Atoi(r.Header.Get("TTL"))
	topic := r.Header.Get("Topic")
	switch {
	case c == nil:
		return &refusal{http.StatusNotFound, "unknown endpoint"}
	case r.Method != http.MethodPost:
		return &refusal{http.StatusMethodNotAllowed, "want POST"}
	case c.gone:
		return &refusal{http.StatusGone, "unsubscribed"}
	case len(body) > maxBody:
		return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("more than %d bytes", maxBody)}
	case err != nil || ttl < 0:
		return &refusal{http.StatusBadRequest, "TTL is missing or not a number of seconds"}
	case len(body) > 0 && r.Header.Get("Content-Encoding") != "aes128gcm":
		return &refusal{http.StatusBadRequest, "Content-Encoding is not aes128gcm"}
	case strings.Trim(topic, letters) != "" || len(topic) > 32:
		return &refusal{http.StatusBadRequest, "Topic is not up to 32 letters of base64url"}
	case !slices.Contains([]string{"", "very-low", "low", "normal", "high"}, r.Header.Get("Urgency")):
		return &refusal{http.StatusBadRequest, "Urgency is unknown"}
	}
	if err := verify(r.Header.Get("Authorization"), c.key, Origin, time.Now()); err != nil {
		return &refusal{http.StatusUnauthorized, err.Error()}
	}
	return nil
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// next returns the scripted outcome of a request.
func (c *channel) next() Outcome {
	if len(c.script) == 0 {
		return Outcome{Status: http.StatusCreated}
	}
	first := c.script[0]
	c.script = c.script[1:]
	return first
}

// push sends a message to the browser, and keeps it until the browser acknowledges
// it or its time to live is over. It replaces those that wait with the same topic.
func (c *channel) push(header http.Header, body []byte, now time.Time) *message {
	ttl, _ := strconv.Atoi(header.Get("TTL"))
	m := &message{id: newID(), topic: header.Get("Topic"), expires: now.Add(time.Duration(ttl) * time.Second)}
	m.frame = notification{Type: "notification", Channel: c.id, Version: m.id}
	if len(body) > 0 {
		m.frame.Data = base64.RawURLEncoding.EncodeToString(body)
		m.frame.Headers = map[string]string{"encoding": header.Get("Content-Encoding")}
	}
	if m.topic != "" {
		c.queue = slices.DeleteFunc(c.queue, func(old *message) bool { return old.topic == m.topic })
	}
	if c.agent.conn != nil {
		_ = c.agent.conn.WriteJSON(m.frame)
	}
	c.queue = append(c.queue, m)
	return m
}

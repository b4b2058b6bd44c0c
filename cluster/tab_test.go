package cluster_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull/cluster/engines"
	"github.com/echo-pull/pull/internal/modeltest"
)

// startProcesses starts nodes that are processes.
func startProcesses(t *testing.T, e engines.Engine, address string, n int, env ...string) []*process {
	t.Helper()
	nodes := make([]*process, n)
	for i := range nodes {
		var err error
		if nodes[i], err = startProcess(e, address, env...); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nodes[i].kill)
	}
	return nodes
}

// login returns the headers of a request in a session.
func login(user, session string, more ...string) http.Header {
	h := http.Header{modeltest.UserHeader: {user}, modeltest.SessionHeader: {session}}
	for i := 0; i < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

// post makes a request, and returns the status and the body of the response. The status
// is 0 if there is none.
func (p *process) post(t *testing.T, path, body string, header http.Header) (status int, text string) {
	t.Helper()
	return p.request(t, http.MethodPost, path, body, header)
}

// request is post for any method.
func (p *process) request(t *testing.T, method, path, body string, header http.Header) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://app.test"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	response, err := p.Client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(bytes.TrimSpace(content))
}

// A tab is a page at a node that is a process.
type tab struct {
	conn  *websocket.Conn
	hello controlMessage
	read  []json.RawMessage // that nobody has taken yet
}

// A controlMessage is a message of the plugin for its client.
type controlMessage struct {
	Command string `json:"command"`
	Params  struct {
		N         int    `json:"n"`
		State     string `json:"state"`
		User      string `json:"user"`
		Epoch     string `json:"epoch"`
		Offset    uint64 `json:"offset"`
		Recovered bool   `json:"recovered"`
	} `json:"params"`
}

// An arrival is an event or a message of a page.
type arrival struct {
	Offset uint64
	Name   string // module:command
	Params map[string]any
	Extra  map[string]any
}

// enter tries to connect a page, and returns the status and the text of a refusal.
func (p *process) enter(t *testing.T, query string, header http.Header) (page *tab, status int, text string) {
	t.Helper()
	d := websocket.Dialer{NetDialContext: p.Dial}
	conn, response, err := d.DialContext(t.Context(), "ws://app.test/pull?protocol=2&"+query, header)
	if response == nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if err != nil {
		content, _ := io.ReadAll(response.Body)
		return nil, response.StatusCode, string(content)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &tab{conn: conn}, response.StatusCode, ""
}

// connect connects a page that gets its hello.
func (p *process) connect(t *testing.T, query string, header http.Header) *tab {
	t.Helper()
	page, status, text := p.enter(t, query, header)
	if page == nil {
		t.Fatalf("status %d: %s", status, text)
	}
	page.hello = page.control(t, "hello")
	return page
}

// next returns the next message.
func (p *tab) next() (json.RawMessage, error) {
	for len(p.read) == 0 {
		_ = p.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		if err := p.conn.ReadJSON(&p.read); err != nil {
			return nil, err
		}
	}
	first := p.read[0]
	p.read = p.read[1:]
	return first, nil
}

// control returns the next control message with a command. It passes over other ones and
// keeps the rest for later.
func (p *tab) control(t *testing.T, command string) controlMessage {
	t.Helper()
	var before []json.RawMessage
	for {
		raw, err := p.next()
		if err != nil {
			t.Fatalf("waiting for %s: %v", command, err)
		}
		var m controlMessage
		if raw[0] == '{' && json.Unmarshal(raw, &m) == nil && m.Command == command {
			p.read = append(before, p.read...)
			return m
		}
		if raw[0] == '[' {
			before = append(before, raw)
		}
	}
}

// arrival returns the next event or message of a page, and its text.
func (p *tab) arrival(t *testing.T) (a arrival, text string) {
	t.Helper()
	for {
		raw, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		if a, isEvent := parseArrival(raw); isEvent {
			return a, string(raw)
		}
	}
}

// parseArrival returns false if a message is a control message.
func parseArrival(raw json.RawMessage) (a arrival, isEvent bool) {
	var at int64
	err := json.Unmarshal(raw, &[]any{&a.Offset, &at, &a.Name, &a.Params, &a.Extra})
	return a, err == nil && a.Name != ""
}

// until returns the names of what arrives before an event with this name.
func (p *tab) until(t *testing.T, last string) (names []string) {
	t.Helper()
	for {
		a, _ := p.arrival(t)
		if a.Name == last {
			return names
		}
		names = append(names, a.Name)
	}
}

// isClosed fails unless the connection ends with a code, and nothing arrives before.
func (p *tab) isClosed(t *testing.T, code int) {
	t.Helper()
	for {
		raw, err := p.next()
		var closed *websocket.CloseError
		switch {
		case errors.As(err, &closed) && closed.Code == code:
			return
		case err != nil:
			t.Fatalf("got %v, want close %d", err, code)
		case raw[0] == '[':
			t.Errorf("got %s, want close %d", raw, code)
		}
	}
}

package soak

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

// A stream is one connection of a page.
type stream interface {
	// next returns the next frame, a JSON array of messages. It blocks until
	// there is one or the connection has ended.
	next() ([]byte, error)
	// leave closes the connection as a page does that the user closes.
	leave()
}

// silence is how long a connection may be silent: two and a half ticks of 25 seconds.
const silence = 62500 * time.Millisecond

// A refusal is the response to a handshake that failed.
type refusal struct {
	status int
	after  time.Duration // Retry-After
}

func (r *refusal) Error() string { return "refused with " + strconv.Itoa(r.status) }

func refused(r *http.Response) error {
	seconds, _ := strconv.Atoi(r.Header.Get("Retry-After"))
	return &refusal{r.StatusCode, time.Duration(seconds) * time.Second}
}

// A socket is a WebSocket.
type socket struct{ *websocket.Conn }

// openSocket connects to an address that begins with http.
func openSocket(ctx context.Context, d dialer, address string, header http.Header) (*socket, error) {
	w := websocket.Dialer{NetDialContext: d, HandshakeTimeout: silence, ReadBufferSize: 2048, WriteBufferSize: 256}
	c, response, err := w.DialContext(ctx, "ws"+address[len("http"):], header) //nolint:bodyclose // its body needs no closing
	if err != nil {
		if response != nil && response.StatusCode != http.StatusSwitchingProtocols {
			return nil, refused(response)
		}
		return nil, err
	}
	pong := c.PingHandler()
	c.SetPingHandler(func(text string) error {
		return errors.Join(c.SetReadDeadline(time.Now().Add(silence)), pong(text))
	})
	return &socket{c}, nil
}

func (s *socket) next() ([]byte, error) {
	if err := s.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return nil, err
	}
	_, text, err := s.ReadMessage()
	return text, err
}

func (s *socket) leave() {
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = s.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second))
	_ = s.Close()
}

// An eventSource is a stream of Server-Sent Events.
type eventSource struct {
	body  io.ReadCloser
	lines *bufio.Reader
	conn  net.Conn
}

func openEvents(ctx context.Context, d dialer, address string, header http.Header) (*eventSource, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header = header.Clone()
	r.Header.Set("Accept", "text/event-stream")
	s := &eventSource{}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		var err error
		s.conn, err = d(ctx, network, address)
		return s.conn, err
	}}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, refused(response)
	}
	s.body, s.lines = response.Body, bufio.NewReader(response.Body)
	return s, nil
}

func (s *eventSource) next() ([]byte, error) {
	for {
		_ = s.conn.SetReadDeadline(time.Now().Add(silence)) // fails after the end, of which the rest can still be read
		text, err := s.lines.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		switch data, isData := bytes.CutPrefix(text, []byte("data: ")); {
		case bytes.HasPrefix(text, []byte("event: close")):
			text, err := s.lines.ReadBytes('\n')
			return nil, errors.Join(fmt.Errorf("closed: %s", text), err)
		case isData:
			return data, nil
		}
	}
}

func (s *eventSource) leave() { _ = s.body.Close() }

// A dialer opens a connection.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// dial opens a connection and keeps it for cut. A slow page has a small buffer, so
// that the server notices that it does not read.
func (p *page) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		if !p.slow {
			return nil
		}
		var set error
		err := c.Control(func(fd uintptr) {
			set = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
		})
		return errors.Join(err, set)
	}}
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	_ = c.(*net.TCPConn).SetLinger(0) // a cut is a reset, and leaves no port in TIME_WAIT
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conn = c
	return c, nil
}

// cut resets the connection.
func (p *page) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn != nil {
		_ = p.conn.Close()
	}
}

package modeltest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// frames returns the next frame of a connection, and its id if it is an event of
// a stream.
type frames func() (id string, frame []byte, err error)

// silence is how long a page waits for a frame. Ticks come much more often.
const silence = 20 * time.Second

// dial connects to a node, at a cursor.
func (p *page) dial(n *Node, cursor string) (f frames, closer func(), err error) {
	p.say = nil
	if p.html != "" {
		return p.dialHTML(n, cursor)
	}
	query := "?client=" + p.client + "&protocol=" + strconv.Itoa(p.version)
	header := p.header()
	switch {
	case cursor == "":
	case p.native && p.lastID != "":
		header.Set("Last-Event-ID", p.lastID)
	default:
		query += "&cursor=" + cursor
	}
	if own := p.present(); len(own) > 0 {
		query += "&" + own.Encode()
	}
	if p.events {
		return p.stream(n, query, header)
	}
	return p.socket(n, query, header)
}

func (p *page) socket(n *Node, query string, header http.Header) (f frames, closer func(), err error) {
	d := websocket.Dialer{NetDialContext: n.Dial, HandshakeTimeout: 10 * time.Second, EnableCompression: p.deflates}
	if t, ok := n.Client.Transport.(*http.Transport); ok && t.TLSClientConfig != nil {
		d.TLSClientConfig = t.TLSClientConfig.Clone()
	}
	conn, response, err := d.Dial(strings.Replace(n.Scheme, "http", "ws", 1)+"://app.test/pull"+query, header)
	if err != nil {
		if response != nil {
			_ = response.Body.Close()
		}
		return nil, nil, err
	}
	p.say = func(frame string) { _ = conn.WriteMessage(websocket.TextMessage, []byte(frame)) }
	f = func() (string, []byte, error) {
		deadline := time.Now().Add(silence)
		_ = conn.SetReadDeadline(deadline)
		_, frame, err := conn.ReadMessage()
		if err != nil && time.Now().After(deadline) { // not only the pong timed out, which has a second
			p.world.t.Errorf("%s: nothing came for %s, not even a tick: %v", p, silence, err)
		}
		return "", frame, err
	}
	return f, func() { _ = conn.Close() }, nil
}

func (p *page) stream(n *Node, query string, header http.Header) (f frames, closer func(), err error) {
	lines, closer, err := p.open(n, query, header)
	if err != nil {
		return nil, nil, err
	}
	return func() (string, []byte, error) { return readEvent(lines) }, closer, nil
}

// open opens a stream of Server-Sent Events.
func (p *page) open(n *Node, path string, header http.Header) (lines *bufio.Reader, closer func(), err error) {
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.Scheme+"://app.test/pull"+path, nil)
	if err != nil {
		cancel()
		return nil, nil, err
	}
	r.Header = header
	r.Header.Set("Accept", "text/event-stream")
	response, err := n.Client.Do(r)
	if err == nil && response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		err = errors.New(response.Status)
	}
	if err != nil {
		cancel()
		return nil, nil, err
	}
	return bufio.NewReader(response.Body), func() { cancel(); _ = response.Body.Close() }, nil
}

// readEvent returns the next event of a stream, as an EventSource does.
func readEvent(lines *bufio.Reader) (id string, data []byte, err error) {
	for name := ""; ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return "", nil, err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data = []byte(value)
		case "":
			if line != "\n" || data == nil {
				continue // a comment, or the end of one
			}
			if name == "close" {
				return id, nil, fmt.Errorf("closed: %s", data)
			}
			return id, data, nil
		}
	}
}

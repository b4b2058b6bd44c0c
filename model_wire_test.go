package pull_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

func (p *modelPage) dial(n *modelNode, cursor string) (frames func() (string, []byte, error), closer func(), err error) {
	query := "?client=" + p.client
	header := http.Header{userHeader: {p.user}}
	switch {
	case cursor == "":
	case p.native && p.lastID != "":
		header.Set("Last-Event-ID", p.lastID)
	default:
		query += "&cursor=" + cursor
	}
	if p.events {
		return p.stream(n, query, header)
	}
	d := websocket.Dialer{NetDialContext: n.dial, HandshakeTimeout: 10 * time.Second}
	if t, _ := n.client.Transport.(*http.Transport); t.TLSClientConfig != nil {
		d.TLSClientConfig = t.TLSClientConfig.Clone()
	}
	conn, response, err := d.Dial(strings.Replace(n.scheme, "http", "ws", 1)+"://app.test/pull"+query, header)
	if err != nil {
		if response != nil {
			_ = response.Body.Close()
		}
		return nil, nil, err
	}
	closer = func() { _ = conn.Close() }
	p.say = func(frame string) { _ = conn.WriteMessage(websocket.TextMessage, []byte(frame)) }
	frames = func() (string, []byte, error) {
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, frame, err := conn.ReadMessage()
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			p.world.t.Errorf("%s: nothing came for 20 s, not even a tick", p)
		}
		return "", frame, err
	}
	return frames, closer, nil
}

func (p *modelPage) stream(n *modelNode, query string, header http.Header) (func() (string, []byte, error), func(), error) {
	ctx, cancel := context.WithCancel(context.Background())
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, n.scheme+"://app.test/pull"+query, nil)
	r.Header = header
	r.Header.Set("Accept", "text/event-stream")
	response, err := n.client.Do(r)
	if err == nil && response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		err = errors.New(response.Status)
	}
	if err != nil {
		cancel()
		return nil, nil, err
	}
	lines := bufio.NewReader(response.Body)
	return func() (string, []byte, error) { return readEvent(lines) }, func() { cancel(); _ = response.Body.Close() }, nil
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

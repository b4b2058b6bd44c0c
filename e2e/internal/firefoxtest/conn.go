//go:build unix

package firefoxtest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Patience limits every wait for the browser. It is long because a machine may be
// slow; a passing test does not use it up.
const Patience = 40 * time.Second

// A conn is a session of WebDriver BiDi: commands and their replies. It is safe
// for concurrent use.
type conn struct {
	ws    *websocket.Conn
	ended chan struct{} // closed when nothing is read any more

	mu      sync.Mutex // guards what follows and writing
	last    int        // id of the last command
	waiting map[int]chan<- reply
	err     error // why reading ended
}

// A reply is what the browser sends: to a command, or an event without an id.
type reply struct {
	ID      int             `json:"id"`
	Type    string          `json:"type"` // success, error or event
	Result  json.RawMessage `json:"result"`
	Error   string          `json:"error"`
	Message string          `json:"message"`
}

// dial connects to a browser and begins the only session that it allows.
func dial(ctx context.Context, address string) (*conn, error) {
	ws, response, err := websocket.DefaultDialer.DialContext(ctx, address+"/session", nil)
	if err != nil {
		return nil, fmt.Errorf("connect to Firefox at %s: %w", address, err)
	}
	_ = response.Body.Close()
	c := &conn{ws: ws, ended: make(chan struct{}), waiting: make(map[int]chan<- reply)}
	go c.read()
	if err := c.call(ctx, "session.new", fields{"capabilities": fields{}}, nil); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// fields are the parameters of a command.
type fields map[string]any

// call sends a command and stores the result of its reply.
func (c *conn) call(ctx context.Context, method string, params fields, result any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, fmt.Errorf("no reply in %s", Patience))
	defer cancel()
	id, replied, err := c.send(method, params)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case r := <-replied:
		if r.Type != "success" {
			return fmt.Errorf("%s: %s: %s", method, r.Error, r.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(r.Result, result)
	case <-c.ended:
		err = c.failure()
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	c.mu.Lock()
	delete(c.waiting, id)
	c.mu.Unlock()
	return fmt.Errorf("%s: %w", method, err)
}

func (c *conn) send(method string, params fields) (int, <-chan reply, error) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.last++
	replied := make(chan reply, 1)
	c.waiting[c.last] = replied
	return c.last, replied, c.ws.WriteJSON(fields{"id": c.last, "method": method, "params": params})
}

// read passes replies on until the connection ends.
func (c *conn) read() {
	defer close(c.ended)
	for {
		var r reply
		err := c.ws.ReadJSON(&r)
		c.mu.Lock()
		replied := c.waiting[r.ID]
		delete(c.waiting, r.ID)
		c.err = err
		c.mu.Unlock()
		if err != nil {
			return
		}
		if replied != nil {
			replied <- r
		}
	}
}

func (c *conn) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Errorf("the connection to Firefox has ended: %w", c.err)
}

// close ends the connection and waits for that.
func (c *conn) close() {
	_ = c.ws.Close()
	<-c.ended
}

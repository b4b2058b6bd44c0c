package cluster_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull/internal/memnet"
)

// A reader is a page that reads the events of tasks.
type reader struct {
	conn   *websocket.Conn
	epoch  string
	offset uint64
	read   []received // that nobody has taken yet
}

// A received is a message of a frame.
type received struct {
	ID      uint64 `json:"id"`
	Module  string `json:"module_id"`
	Command string `json:"command"`
	Params  struct {
		Task      int    `json:"task"`
		Epoch     string `json:"epoch"`
		Offset    uint64 `json:"offset"`
		Recovered bool   `json:"recovered"`
	} `json:"params"`
}

// openPage connects a page. With a cursor, it must recover.
func openPage(t *testing.T, to *memnet.Listener, cursor string) *reader {
	t.Helper()
	d := websocket.Dialer{NetDialContext: to.Dial}
	address := "ws://app.test/pull?protocol=2&user=1&client=" + rand.Text() + "&cursor=" + cursor
	var conn *websocket.Conn
	for end := time.Now().Add(time.Minute); conn == nil; {
		c, response, err := d.DialContext(t.Context(), address, nil)
		isLate := response != nil && response.StatusCode == http.StatusServiceUnavailable // a busy engine is
		if response != nil {
			_ = response.Body.Close()
		}
		if err != nil && (!isLate || time.Now().After(end)) {
			t.Fatal(err)
		}
		conn = c
	}
	r := &reader{conn: conn}
	hello := r.next(t)
	r.epoch, r.offset = hello.Params.Epoch, hello.Params.Offset
	if hello.Command != "hello" || cursor != "" && !hello.Params.Recovered {
		t.Fatalf("a page that connected with the cursor %q got %+v first", cursor, hello)
	}
	return r
}

func (r *reader) close() { _ = r.conn.Close() }

// cursor returns where the page is in the log.
func (r *reader) cursor() string { return fmt.Sprintf("%s.%d", r.epoch, r.offset) }

// until returns the tasks of the events before the one that ends the step.
func (r *reader) until(t *testing.T, step int) (tasks []int) {
	t.Helper()
	for {
		switch m := r.next(t); {
		case m.Module == "pull" && m.Command == "hello":
			t.Fatalf("a page was notified of a gap: %+v", m)
		case m.Command == "saved":
			tasks = append(tasks, m.Params.Task)
		case m.Command == "end" && m.Params.Task == step:
			r.offset = m.ID
			return tasks
		}
	}
}

// next returns the next message.
func (r *reader) next(t *testing.T) received {
	t.Helper()
	for len(r.read) == 0 {
		_ = r.conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		if err := r.conn.ReadJSON(&r.read); err != nil {
			t.Fatal(err)
		}
	}
	first := r.read[0]
	r.read = r.read[1:]
	return first
}

// UnmarshalJSON reads a message whose parameters may be anything. An event is an
// array: offset, time, name and parameters.
func (m *received) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		var at int64
		var name string
		err := json.Unmarshal(text, &[]any{&m.ID, &at, &name, &m.Params})
		m.Module, m.Command, _ = strings.Cut(name, ":")
		return err
	}
	type plain received
	var raw struct {
		plain
		Params json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	*m = received(raw.plain)
	_ = json.Unmarshal(raw.Params, &m.Params)
	return nil
}

package plugintest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
)

// An inbox is what a page has received, and its position, as a client keeps them.
type inbox struct {
	mu      sync.Mutex // guards what follows
	cursor  envelope.Cursor
	grants  grants
	greeted bool          // the connection has had its hello
	comes   bool          // the page has connected with a cursor
	gaps    int           // that the test has not expected yet
	unread  []message     // that the test has not expected yet
	closed  *closing      // nil while the connection is open, and after Drop
	bad     error         // the first message that no client would understand
	arrived chan struct{} // closed when anything arrives
}

// A message is a message of the protocol.
type message struct {
	name   string // module:command
	params json.RawMessage
}

func (m message) String() string { return m.name + " " + string(m.params) }

// A closing is a close message.
type closing struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

const (
	senderPage = 1         // type of the sender of a message of another page
	fromPages  = "client:" // begins the names of such messages; no module id has a colon
)

func newInbox() *inbox { return &inbox{arrived: make(chan struct{})} }

// connects notes that a connection begins. It returns the position of the page, the
// grants for the handshake, and those to present then.
func (b *inbox) connects() (cursor string, answered, others []string) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.greeted, b.closed = false, nil
	answered, others = b.grants.present()
	if b.comes = b.cursor != (envelope.Cursor{}); b.comes {
		cursor = b.cursor.String()
	}
	return cursor, answered, others
}

// requests notes a request of the page.
func (b *inbox) requests(frame []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()

	b.grants.request(frame)
}

// take adds a frame.
func (b *inbox) take(line []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()

	if err := b.add(line); err != nil && b.bad == nil {
		b.bad = fmt.Errorf("%w in the frame %s", err, line)
	}
	close(b.arrived)
	b.arrived = make(chan struct{})
}

func (b *inbox) add(line []byte) error {
	if bytes.HasPrefix(line, []byte("{")) {
		b.closed = new(closing)
		return json.Unmarshal(line, b.closed)
	}
	var frame []json.RawMessage
	if err := json.Unmarshal(line, &frame); err != nil {
		return err
	}
	for _, raw := range frame {
		add := b.addObject
		if raw[0] == '[' {
			add = b.addEvent
		}
		if err := add(raw); err != nil {
			return err
		}
	}
	return nil
}

// addEvent adds an array.
func (b *inbox) addEvent(raw []byte) error {
	var m message
	var offset uint64
	var at int64
	var extra struct{ Sender struct{ Type int } }
	if err := json.Unmarshal(raw, &[]any{&offset, &at, &m.name, &m.params, &extra}); err != nil {
		return err
	}
	if extra.Sender.Type == senderPage {
		m.name = fromPages + m.name
	}
	b.unread = append(b.unread, m)
	if m.name == "pull:withdraw" || extra.Sender.Type == senderPage {
		return nil // its offset has no meaning for the cursor
	}
	if offset <= b.cursor.Offset {
		return fmt.Errorf("offset %d after %d", offset, b.cursor.Offset)
	}
	b.cursor.Offset = offset
	return nil
}

// addObject adds a control message or one of presence.
func (b *inbox) addObject(raw []byte) error {
	var m struct {
		Module  string          `json:"module_id"`
		Command string          `json:"command"`
		Params  json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	name := m.Module + ":" + m.Command
	if name != "pull:hello" && name != "pull:tick" {
		b.unread = append(b.unread, message{name, m.Params})
		if name == "pull:grants" {
			return b.addAnswer(m.Params)
		}
		return nil
	}
	var at struct {
		Epoch     string `json:"epoch"`
		Offset    uint64 `json:"offset"`
		Recovered bool   `json:"recovered"`
	}
	if err := json.Unmarshal(m.Params, &at); err != nil {
		return err
	}
	if m.Command == "hello" {
		b.hello(envelope.Cursor{Epoch: at.Epoch, Offset: at.Offset}, at.Recovered)
	} else if at.Epoch == b.cursor.Epoch {
		b.cursor.Offset = max(b.cursor.Offset, at.Offset)
	}
	return nil
}

// addAnswer handles what became of the page's grants, which may be a gap.
func (b *inbox) addAnswer(params []byte) error {
	var answers map[string]protocol.GrantAnswer
	if err := json.Unmarshal(params, &answers); err != nil {
		return err
	}
	if gap := b.grants.answer(answers); gap {
		b.gaps++
	}
	return nil
}

// hello handles the first message of a connection, and that of a gap.
func (b *inbox) hello(at envelope.Cursor, recovered bool) {
	if !recovered {
		if b.comes || b.greeted {
			b.gaps++
		}
		b.cursor = at
	}
	b.greeted = true
}

// pop removes and returns the first unread message with a name. If there is none,
// it returns a channel that is closed when anything arrives.
func (b *inbox) pop(name string) (m message, found bool, arrived <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()

	i := slices.IndexFunc(b.unread, func(m message) bool { return m.name == name })
	if i < 0 {
		return message{}, false, b.arrived
	}
	m = b.unread[i]
	b.unread = slices.Delete(b.unread, i, i+1)
	return m, true, nil
}

// find returns the unread messages with a name.
func (b *inbox) find(name string) []message {
	b.mu.Lock()
	defer b.mu.Unlock()

	return slices.DeleteFunc(slices.Clone(b.unread), func(m message) bool { return m.name != name })
}

// takeGaps returns the number of gaps since the last call.
func (b *inbox) takeGaps() int {
	b.mu.Lock()
	defer b.mu.Unlock()

	gaps := b.gaps
	b.gaps = 0
	return gaps
}

// state returns why the connection was closed, or nil, and what a client could not
// have understood.
func (b *inbox) state() (*closing, error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.closed, b.bad
}

// position returns the cursor.
func (b *inbox) position() string {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.cursor.String()
}

// String returns what is unread, for failures.
func (b *inbox) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()

	var text strings.Builder
	for _, m := range b.unread {
		fmt.Fprintf(&text, "\n  %s", m)
	}
	if b.gaps > 0 {
		text.WriteString("\n  a gap")
	}
	if b.closed != nil {
		fmt.Fprintf(&text, "\n  closed with %d, %s", b.closed.Code, b.closed.Reason)
	}
	if text.Len() == 0 {
		return " nothing"
	}
	return text.String()
}

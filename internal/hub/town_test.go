package hub

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/conn"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// A town is nodes that share a log, without engines. The caller moves the time.
type town struct {
	nodes  []*townNode
	offset uint64
}

type townNode struct {
	hub       *Hub
	dispatch  *Dispatcher
	seq       uint64
	published [][]byte // and not in the log yet
	o         conn.Nonblocking
}

func newTown(nodes int, configure func(*Config)) *town {
	var tn town
	for range nodes {
		n := new(townNode)
		n.hub, n.dispatch = newHub(func(c *Config) {
			c.Scope = OnlineEveryone
			c.Publish = func(raw []byte) { n.published = append(n.published, raw) }
			configure(c)
		})
		tn.nodes = append(tn.nodes, n)
	}
	tn.append(new(writer).message(event.User("nobody"), "x").Raw)
	return &tn
}

// hire makes two of three users watch the tag STAFF.
func (tn *town) hire(users int) {
	for _, n := range tn.nodes {
		for i := range users {
			if i%3 > 0 {
				n.hub.watches.grant(townUser(i), "STAFF", 0, time.Now().UnixNano())
			}
		}
	}
}

// append adds a message to the log, and delivers it to the nodes.
func (tn *town) append(raw []byte) {
	tn.offset++
	for _, n := range tn.nodes {
		n.dispatch.Dispatch([]broker.Delivery{delivery("log", tn.offset, raw)})
	}
}

// settle moves what the nodes have published through the log.
func (tn *town) settle() {
	for quiet := false; !quiet; {
		quiet = true
		for _, n := range tn.nodes {
			published := n.published
			n.published = nil
			for _, raw := range published {
				quiet = false
				n.seq++
				envelope.Stamp(raw, n.hub.ID, n.seq)
				tn.append(raw)
			}
		}
	}
}

// pass lets time pass, within a second.
func (tn *town) pass(d time.Duration) {
	<-time.After(d)
	for _, n := range tn.nodes {
		n.hub.SweepPresence(time.Now())
	}
	tn.settle()
}

// update sends what is due once a second.
func (tn *town) update() {
	for _, n := range tn.nodes {
		n.hub.SendPresence(&n.o, time.Now())
	}
	synctest.Wait()
}

// rest lets seconds pass in which nothing happens.
func (tn *town) rest(seconds int) {
	for range seconds {
		tn.pass(time.Second)
		tn.update()
	}
}

// A mirror is a page that shows who is online, from nothing but what it
// receives.
type mirror struct {
	plain
	page   *Page
	node   *townNode
	stream bytes.Buffer // JSON arrays that were not read yet

	bytes    int // received since the last call of takeBytes
	lists    int
	users    map[string]bool
	count    int
	complete bool // the last list named everyone
}

// open connects a page of the user.
func (n *townNode) open(t *testing.T, user string) *mirror {
	t.Helper()
	m := &mirror{node: n}
	m.page = newPage(n.hub, user, m)
	if err := n.hub.Join(m.page, nil, 0); err != nil {
		t.Fatal(err)
	}
	m.page.Flush() // the first list has left
	return m
}

func (m *mirror) leave() { m.node.hub.Leave(m.page) }

func (m *mirror) Offer(_ *conn.Nonblocking, frame []byte) int {
	header, _ := frameSize(frame)
	if n := bytes.Count(frame, []byte("online_list")); n > 0 {
		m.lists += n
		m.stream.Reset() // it replaces all before
	}
	m.stream.Write(frame[header:])
	m.bytes += len(frame)
	return len(frame)
}

func (m *mirror) WriteAll(p []byte) error {
	m.lists += bytes.Count(p, []byte("online_list"))
	m.bytes += len(p)
	for len(p) > 0 { // frames, none of which is divided
		header, size := frameSize(p)
		m.stream.Write(p[header : header+size])
		p = p[header+size:]
	}
	return nil
}

// frameSize returns the sizes of the header and the payload of a WebSocket frame.
func frameSize(frame []byte) (header, payload int) {
	switch frame[1] {
	case 126:
		return 4, int(binary.BigEndian.Uint16(frame[2:]))
	case 127:
		return 10, int(binary.BigEndian.Uint64(frame[2:]))
	}
	return 2, int(frame[1])
}

func (m *mirror) takeBytes() int {
	n := m.bytes
	m.bytes = 0
	return n
}

// read applies what the page has received.
func (m *mirror) read(t *testing.T) {
	t.Helper()
	for d := json.NewDecoder(&m.stream); d.More(); {
		var messages []struct {
			Command string `json:"command"`
			Params  struct {
				Users  map[string]any `json:"USERS"`
				Count  int            `json:"COUNT"`
				UserID string         `json:"USER_ID"`
			} `json:"params"`
		}
		if err := d.Decode(&messages); err != nil {
			t.Fatal(err)
		}
		for _, one := range messages {
			switch p := one.Params; one.Command {
			case "online_list":
				m.users = make(map[string]bool)
				for user := range p.Users {
					m.users[user] = true
				}
				m.count, m.complete = p.Count, p.Count == len(p.Users)
			case "user_online":
				m.users[p.UserID] = true
			case "user_offline":
				delete(m.users, p.UserID)
			}
			if m.complete {
				m.count = len(m.users)
			}
		}
	}
}

// check fails the test unless the page shows who is online, as far as it may.
func (m *mirror) check(t *testing.T) {
	t.Helper()
	m.read(t)
	isHidden := func(user string) bool { return !m.node.hub.seesPresence(user, time.Now().UnixNano()) }
	if isHidden(m.page.User) {
		if m.users != nil {
			t.Errorf("the page of %q shows %v, want nothing", m.page.User, m.users)
		}
		return
	}
	online := slices.DeleteFunc(m.node.hub.OnlineUsers(), isHidden)
	if m.count != len(online) {
		t.Errorf("the page of %s shows that %d users are online, want %d", m.page.User, m.count, len(online))
	}
	for _, user := range online {
		if m.complete && !m.users[user] {
			t.Errorf("the page of %s does not show %s, who is online", m.page.User, user)
		}
	}
}

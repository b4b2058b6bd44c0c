package pull_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A modelPage is a page and what it has received.
type modelPage struct {
	world        *world
	number       int
	user, client string
	chance       *rand.Rand
	events       bool // uses Server-Sent Events
	native       bool // uses the Last-Event-ID of a browser as its cursor
	done         atomic.Bool
	say          func(string) // sends over the WebSocket

	mu       sync.Mutex // guards the fields below
	epoch    string
	position uint64
	lastID   string // the last SSE id
	parts    []*modelPart
	told     int // gap notifications
	doing    string
}

// A modelPart is what a page received between two gaps.
type modelPart struct {
	epoch      string
	from, upTo uint64
	rendered   []uint64 // cursors of requests that granted a watch
	excused    bool     // a grant came too late for the page, which was notified
	got        []uint64
	numbers    []uint64
}

// live reconnects until the page has received the end.
func (p *modelPage) live() {
	defer p.done.Store(true)
	for {
		n := p.world.node(p.chance)
		p.do("connecting")
		ended, err := p.connect(n)
		if ended || p.world.over.Load() {
			return
		}
		if err != nil {
			<-time.After(time.Duration(1+p.chance.IntN(20)) * time.Millisecond)
		}
	}
}

// render reloads the page: it starts from the cursor in a response.
func (p *modelPage) render(n *modelNode) error {
	tag := ""
	if p.user != "" && p.chance.IntN(2) == 0 {
		tag = "T" + strconv.Itoa(p.chance.IntN(modelTags))
	}
	r, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, n.scheme+"://app.test/page?watch="+tag, nil)
	r.Header.Set(userHeader, p.user)
	response, err := n.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return errors.Join(err, errors.New("no page"))
	}
	epoch, digits, _ := strings.Cut(string(body), ".")
	p.epoch, p.lastID = epoch, string(body)
	p.position, _ = strconv.ParseUint(digits, 10, 64)
	p.parts = append(p.parts, &modelPart{epoch: p.epoch, from: p.position, upTo: p.position})
	if tag != "" {
		p.part().rendered = append(p.part().rendered, p.position)
	}
	return nil
}

// connect runs one connection and reports whether the page has received the end.
func (p *modelPage) connect(n *modelNode) (ended bool, err error) {
	if p.epoch == "" && p.chance.IntN(2) == 0 || p.chance.IntN(15) == 0 && !p.world.quiet.Load() {
		if err := p.render(n); err != nil {
			return false, err
		}
	}
	cursor := ""
	if p.epoch != "" {
		cursor = p.epoch + "." + strconv.FormatUint(p.position, 10)
	}
	frames, closer, err := p.dial(n, cursor)
	if err != nil {
		return false, err
	}
	defer closer()
	first := true
	stay := p.chance.IntN(400)
	if p.chance.IntN(3) == 0 {
		stay = 1_000_000
	}
	for count := 0; ; count++ {
		if count == stay && !p.world.quiet.Load() {
			return false, nil // the connection breaks
		}
		if p.chance.IntN(100) == 0 && !p.world.quiet.Load() {
			p.do("not reading")
			<-time.After(time.Duration(p.chance.IntN(300)) * time.Millisecond)
		}
		if p.say != nil && p.chance.IntN(200) == 0 {
			p.say(`{"extend":["T0","T1"],"seen":["1"]}`)
		}
		p.do("reading")
		id, frame, err := frames()
		if err != nil {
			return false, err
		}
		p.read(frame, cursor, &first)
		if p.world.over.Load() || p.atEnd() {
			return true, nil
		}
		if id != "" {
			p.lastID = id
		}
		if p.events {
			p.checkID(id)
		}
	}
}

// read processes a frame as the protocol specifies.
func (p *modelPage) read(frame []byte, cursor string, first *bool) {
	var messages []message
	if err := json.Unmarshal(frame, &messages); err != nil {
		p.world.t.Errorf("%s: %v in frame %.300s", p, err, frame)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range messages {
		if *first != (m.Module == "pull" && m.Command == "hello") && *first {
			p.world.t.Errorf("%s: first message is %+v", p, m)
		}
		switch {
		case m.Module == "pull" && m.Command == "hello":
			p.hello(m, cursor, *first)
			*first = false
		case m.Module == "pull" && m.Command == "tick":
			offset, _ := m.Params["offset"].(float64)
			p.position = max(p.position, uint64(offset))
			p.part().upTo = p.position
		case m.ID > 0:
			number, _ := m.Params["n"].(float64)
			if m.ID <= p.position {
				p.world.t.Errorf("%s: message %d (number %v) came when the page was at %s.%d", p, m.ID, number, p.epoch, p.position)
				continue
			}
			p.position = m.ID
			part := p.part()
			part.upTo = m.ID
			part.got, part.numbers = append(part.got, m.ID), append(part.numbers, uint64(number))
		}
	}
}

func (p *modelPage) hello(m message, cursor string, first bool) {
	epoch, _ := m.Params["epoch"].(string)
	offset, _ := m.Params["offset"].(float64)
	if recovered, _ := m.Params["recovered"].(bool); recovered {
		if !first || epoch != p.epoch || cursor == "" {
			p.world.t.Errorf("%s: recovered %v from %q (first %t)", p, m.Params, cursor, first)
		}
		return
	}
	if cursor != "" || !first {
		p.told++
		// On one node the window holds everything. A gap in the middle is due to a late grant.
		if epoch == p.epoch && first && p.world.faults == nil {
			p.world.t.Errorf("%s: gap at %d in epoch %s, where it was at %d (connected with %q, first message %t)", p, uint64(offset), epoch, p.position, cursor, first)
		}
	}
	if !first {
		p.part().excused = true
	}
	p.epoch, p.position = epoch, uint64(offset)
	p.parts = append(p.parts, &modelPart{epoch: epoch, from: p.position, upTo: p.position})
}

// checkID compares the Last-Event-ID of a browser with what the page has received.
func (p *modelPage) checkID(id string) {
	if now := p.epoch + "." + strconv.FormatUint(p.position, 10); p.lastID != now {
		p.world.t.Errorf("%s: Last-Event-ID would be %q (this frame's is %q), want %q", p, p.lastID, id, now)
	}
}

// atEnd reports whether the page has the whole log.
func (p *modelPage) atEnd() bool {
	end := p.world.end.Load()
	return p.world.quiet.Load() && end > 0 && p.position >= end
}

func (p *modelPage) part() *modelPart { return p.parts[len(p.parts)-1] }

func (p *modelPage) do(what string) {
	p.mu.Lock()
	p.doing = what
	p.mu.Unlock()
}

func (p *modelPage) state() string {
	p.mu.Lock()
	defer p.mu.Unlock()

	return fmt.Sprintf("%s at %s.%d, %d gaps", p.doing, p.epoch, p.position, p.told)
}

func (p *modelPage) String() string {
	return fmt.Sprintf("page %d of user %q over %s (native %t)", p.number, p.user, map[bool]string{true: "SSE", false: "WebSocket"}[p.events], p.native)
}

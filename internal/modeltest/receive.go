package modeltest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A message is one of a frame, as the protocol specifies it.
type message struct {
	ID      uint64 `json:"id"`
	Module  string `json:"module_id"`
	Command string `json:"command"`
	Params  struct {
		Number    uint64 `json:"n"`
		Epoch     string `json:"epoch"`
		Offset    uint64 `json:"offset"`
		Recovered bool   `json:"recovered"`

		Own  []string `json:"own"`
		Mine string   `json:"mine"`
	} `json:"params"`
	Extra extra `json:"extra"`
}

// A rawMessage is a message in the form of either version.
type rawMessage struct {
	message
	Params json.RawMessage `json:"params"`
	array  bool
}

// extra is the part of an extra that depends on the message.
type extra struct {
	Number uint64 `json:"n"`
	Sender *struct {
		Type int
		ID   string
	}
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *rawMessage) UnmarshalJSON(text []byte) error {
	if r.array = text[0] == '['; !r.array {
		type object rawMessage // without this method
		return json.Unmarshal(text, (*object)(r))
	}
	var at int64
	var name string
	if err := json.Unmarshal(text, &[]any{&r.ID, &at, &name, &r.Params, &r.Extra}); err != nil {
		return err
	}
	var named bool
	if r.Module, r.Command, named = strings.Cut(name, ":"); !named || at <= 0 {
		return fmt.Errorf("no time or name in %.300s", text)
	}
	return nil
}

// read processes a frame. first says that the page has read nothing over this
// connection yet.
func (p *page) read(frame []byte, cursor string, first *bool) {
	var raw []rawMessage
	if err := json.Unmarshal(frame, &raw); err != nil {
		p.world.t.Errorf("%s: %v in frame %.300s", p, err, frame)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()

	for i := range raw {
		m := &raw[i].message
		if raw[i].array != ((m.ID > 0 || m.isSaying()) && p.version == 2) {
			p.world.t.Errorf("%s: %+v is an array: %t", p, m, raw[i].array)
		}
		hello := m.Module == "pull" && m.Command == "hello"
		if hello || m.ID > 0 || m.Command == "tick" {
			if err := json.Unmarshal(raw[i].Params, &m.Params); err != nil {
				p.world.t.Errorf("%s: %v in frame %.300s", p, err, frame)
			}
		}
		if *first && !hello {
			p.world.t.Errorf("%s: first message is %+v", p, m)
		}
		switch {
		case hello:
			p.hello(m, cursor, *first)
			*first = false
			p.greeted = true
		case m.Module == "pull" && m.Command == "tick":
			p.position = max(p.position, m.Params.Offset)
			p.part().upTo = p.position
		case m.Module == "pull" && m.Command == "grants":
			_, digits, _ := strings.Cut(cursor, ".")
			at, _ := strconv.ParseUint(digits, 10, 64)
			p.takeAnswers(raw[i].Params, at)
		case m.Module == "pull" && m.Command == "sent":
			p.takeSent(raw[i].Params)
		case m.isSaying():
			var next *rawMessage
			if i+1 < len(raw) {
				next = &raw[i+1]
			}
			p.hear(&raw[i], next)
		case m.ID > 0:
			p.checkOwn(m, raw[i].Params)
			p.receive(m)
		}
	}
	for _, w := range p.watches {
		if w.presented {
			p.world.t.Errorf("%s: hello came without an answer to the grant of %s", p, w.tag)
		}
	}
}

func (p *page) receive(m *message) {
	if m.ID <= p.position {
		p.world.t.Errorf("%s: message %d (number %d) came when the page was at %s.%d", p, m.ID, m.Params.Number, p.epoch, p.position)
		return
	}
	p.world.seen.Add(1)
	p.position = m.ID
	part := p.part()
	part.upTo = m.ID
	part.got, part.numbers = append(part.got, m.ID), append(part.numbers, m.Params.Number)
	part.sessions = append(part.sessions, p.session)
}

// checkOwn reports what an event has that is another user's, or has not that is the page's
// user's.
func (p *page) checkOwn(m *message, text []byte) {
	want, secrets := "", 0
	if p.user != "" && slices.Contains(m.Params.Own, p.user) {
		want, secrets = mineOf(p.user, m.Params.Number), 1
	}
	if m.Params.Mine != want || bytes.Count(text, []byte("mine-")) != secrets || bytes.Count(text, []byte(`"mine"`)) > 1 {
		p.world.t.Errorf("%s: got %.300s, want %q as the user's own", p, text, want)
	}
	if want := extraOf(m.Params.Number); m.Extra.Number != want && p.html == "" {
		p.world.t.Errorf("%s: got %d in the extra of number %d, want %d", p, m.Extra.Number, m.Params.Number, want)
	}
}

func (p *page) hello(m *message, cursor string, first bool) {
	at := m.Params
	p.voice.joined = at.Offset
	if first {
		p.recovered = at.Recovered
	}
	if at.Recovered {
		p.part().connected = append(p.part().connected, p.position)
	}
	if at.Recovered {
		if !first || at.Epoch != p.epoch || cursor == "" {
			p.world.t.Errorf("%s: recovered %+v from %q (first %t)", p, at, cursor, first)
		}
		return
	}
	if cursor != "" || !first {
		p.told++
		if at.Epoch == p.epoch && first { // in the middle of a connection it is due to a late grant
			p.within++
			p.world.gapWithin(p, at.Offset, cursor)
		}
	}
	if !first {
		p.part().excused = true
	}
	p.epoch, p.position = at.Epoch, at.Offset
	p.beginPart()
	p.carryOver(!first)
}

// checkID compares the Last-Event-ID of a browser with what the page has received.
func (p *page) checkID(id string) {
	if now := p.epoch + "." + strconv.FormatUint(p.position, 10); p.lastID != now {
		p.world.t.Errorf("%s: Last-Event-ID would be %q (this frame's is %q), want %q", p, p.lastID, id, now)
	}
}

package modeltest

import (
	"context"
	"encoding/json"
	"time"

	"github.com/echo-pull/pull/internal/engine"
)

// Module returns the module of the model, whose pages may send messages to others.
func Module() engine.Module {
	return engine.Module{ID: "tasks", Relay: func(context.Context, engine.Message) error { return nil }}
}

// talkEvery is the least time between two messages of a page.
const talkEvery = 100 * time.Millisecond

// A voice is what a page sends to other pages and gets from them.
type voice struct {
	connection int       // number of the connection
	sent       uint64    // number of the last message of the page
	last       time.Time // when it was sent
	joined     uint64    // position of the log when the page joined: what is up to there is replayed
	latest     map[speaker]uint64
}

// A speaker is a connection of a page. Its messages stay in order.
type speaker struct{ page, connection int }

// saying is what the params of a message have beside those of an event.
type saying struct {
	Page       int    `json:"page"`
	Connection int    `json:"c"`
	Number     uint64 `json:"n"`
}

// A heard is a message that a page has received, with the position after it.
type heard struct {
	saying

	offset uint64
}

// talk sends a message to users or to a tag, now and then.
func (p *page) talk(n *Node) {
	if p.html != "" || !p.greeted || p.world.calm.Load() || time.Since(p.voice.last) < talkEvery || p.chance.IntN(4) > 0 {
		return
	}
	p.voice.last = time.Now()
	p.voice.sent++
	number := p.voice.sent
	message := map[string]any{"n": number, "module": "tasks", "command": "say"}
	var to term
	if p.chance.IntN(2) == 0 {
		to.Users = []string{p.world.Mix.user(p.chance), p.world.Mix.user(p.chance)}
		message["users"] = to.Users
	} else {
		to.Tags = []string{p.world.Mix.tag(p.chance)}
		message["tag"] = to.Tags[0]
	}
	message["params"] = map[string]any{
		"page": p.number, "c": p.voice.connection, "n": number, "to": []term{to}, "sender": p.client,
	}
	if p.say != nil {
		frame, _ := json.Marshal(map[string]any{"send": message}) //nolint:errchkjson // strings and numbers
		p.say(string(frame))
		return
	}
	body, _ := json.Marshal(message) //nolint:errchkjson // strings and numbers
	if answer, err := p.post(n, "/send", body); err == nil {
		p.takeSent(answer)
	}
}

// takeSent processes the answer to a message.
func (p *page) takeSent(params []byte) {
	var answer struct {
		N     uint64
		State string
	}
	if err := json.Unmarshal(params, &answer); err != nil || answer.N == 0 || answer.N > p.voice.sent {
		p.world.t.Errorf("%s: got %s for message %d: %v", p, params, p.voice.sent, err)
	}
	if answer.State == "ok" {
		p.world.said.Add(1)
	}
}

// isSaying reports whether a message is of a page.
func (m *message) isSaying() bool { return m.ID == 0 && m.Module == "tasks" && m.Command == "say" }

// hear processes a message of a page. The tick after it shows where in the log it is.
func (p *page) hear(m, tick *rawMessage) {
	var s saying
	var at struct{ Offset uint64 }
	if err := json.Unmarshal(m.Params, &s); err != nil {
		p.world.t.Errorf("%s: %v in message %s", p, err, m.Params)
		return
	}
	if tick == nil || tick.Command != "tick" || json.Unmarshal(tick.Params, &at) != nil {
		p.world.t.Errorf("%s: no tick follows message %+v", p, s)
		return
	}
	from := speaker{s.Page, s.Connection}
	switch {
	case at.Offset <= p.position:
		p.world.t.Errorf("%s: message %+v of %d came again at %d", p, s, at.Offset, p.position)
	case at.Offset <= p.voice.joined:
		p.world.t.Errorf("%s: message %+v of %d was replayed, the page joined at %d", p, s, at.Offset, p.voice.joined)
	case s.Number <= p.voice.latest[from]:
		p.world.t.Errorf("%s: message %+v came after %d of the same connection", p, s, p.voice.latest[from])
	case m.Extra.Sender == nil || m.Extra.Sender.Type != 1 || m.Extra.Sender.ID != p.world.pages[s.Page].user:
		p.world.t.Errorf("%s: message %+v has the sender %+v, want %q", p, s, m.Extra.Sender, p.world.pages[s.Page].user)
	}
	if p.voice.latest == nil {
		p.voice.latest = make(map[speaker]uint64)
	}
	p.voice.latest[from] = s.Number
	p.world.heard.Add(1)
	p.part().heard = append(p.part().heard, heard{s, at.Offset})
}

// checkHeard checks that the messages which a page has received were for it.
func (m *model) checkHeard(p *page, part *part) {
	for _, h := range part.heard {
		e, has := m.entries[h.offset]
		switch {
		case !has || e.kind != kindRelay || e.params.Number != h.Number || e.saying != h.saying:
			m.t.Errorf("%s heard %+v at %s.%d, where the log has %+v", p, h.saying, m.epoch, h.offset, e)
		case m.verdict(p, part, h.offset) == never:
			m.t.Errorf("%s heard %+v at %s.%d, which is not for it: %s; %s", p, h.saying, m.epoch, h.offset, describe(&e.params), m.reasons(p, part, &e.params))
		}
	}
}

package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/hub"
	"github.com/echo-pull/pull/internal/protocol"
)

// A Message is what a page sends to other pages. See [Module].Relay.
type Message struct {
	// From is the user of the page, as Config.User has returned it. Receivers get it
	// as extra.sender.
	From string

	// Users and Tag are to whom the message is: to the pages of up to 100 users, or if
	// Tag is set, to those that watch it, themselves or by their users.
	Users []string
	Tag   string

	Module, Command string
	Params          json.RawMessage // JSON; null or nil if there are none
}

const (
	messageBytes = 4 << 10         // largest body of a message
	relayWait    = 5 * time.Second // how long Module.Relay may take
)

// A Sender is a page that sends a message.
type Sender struct {
	Client string    // its id, or that of one of its tabs; empty if it has none
	Page   *hub.Page // nil if this node does not have the connection
}

// SendMessage passes a message of a page on, and returns what became of it. The names
// and ids in it must be valid. It returns an error if the params are not JSON. No page
// gets the message after its expiry.
func (e *Engine) SendMessage(s Sender, m Message, expiry time.Duration) (protocol.SendState, error) { //nolint:gocritic // m is passed on by value
	body, err := event.MessageBody(m.Module, m.Command, m.Params)
	switch {
	case err != nil:
		return "", err
	case len(body) > messageBytes:
		return protocol.SendLarge, nil
	}
	relay := e.registry.relayOf(m.Module)
	if relay == nil || m.From == "" || m.Tag != "" && !e.hub.MaySendTo(s.Page, m.From, m.Tag, time.Now()) {
		return protocol.SendForbidden, nil
	}
	to := termOf(&m)
	if state := e.permit(relay, &m); state != protocol.SendOK {
		return state, nil
	}
	now := time.Now()
	return e.publishMessage(envelope.Relay(envelope.SenderName(s.Client, m.From), &to, body, now, now.Add(expiry))), nil
}

// publishMessage puts a message into the log, unless the log cannot take it now.
func (e *Engine) publishMessage(raw []byte) protocol.SendState {
	switch {
	case len(raw) > e.maxMessage:
		return protocol.SendLarge
	case e.publisher.Relay(raw, nil) != nil:
		return protocol.SendBusy
	}
	return protocol.SendOK
}

// termOf returns to whom a message is, in memory of its own: Relay may change its
// argument.
func termOf(m *Message) envelope.Term {
	if m.Tag != "" {
		return envelope.Term{Tags: []string{m.Tag}}
	}
	return envelope.Term{Users: slices.Clone(m.Users)}
}

// permit calls Module.Relay.
func (e *Engine) permit(relay func(context.Context, Message) error, m *Message) (state protocol.SendState) {
	ctx, cancel := context.WithTimeout(e.talking, relayWait)
	defer cancel()
	defer func() {
		if v := recover(); v != nil { // the application's mistake, which must not end the process
			e.config.OnError(fmt.Errorf("pull: Relay of module %q panicked: %v\n%s", m.Module, v, debug.Stack()))
			state = protocol.SendForbidden
		}
	}()
	if ctx.Err() != nil {
		return protocol.SendBusy
	}
	own := *m
	err := relay(ctx, own)
	switch {
	case ctx.Err() != nil:
		return protocol.SendBusy
	case err != nil:
		return protocol.SendForbidden
	}
	return protocol.SendOK
}

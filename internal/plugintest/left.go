package plugintest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/internal/protocol"
)

// A left is an event that left, or one that a test wants, in a form that can be
// compared.
type left struct {
	target  event.Target
	event   event.Event // with Params as JSON
	params  string      // in canonical form
	perUser string      // in canonical form; "" for none
	extra   string      // in canonical form; "" for none
	push    string      // in canonical form; "" for none
	noted   bool        // Key and ExceptSender are known
}

// defaultTTL is the TTL of an event that sets none.
const defaultTTL = 24 * time.Hour

// parse returns what left.
func parse(r engine.Record) (left, error) {
	e, err := envelope.Parse(r.Raw)
	if err != nil {
		return left{}, err
	}
	body, ok := protocol.SplitBody(e.Body)
	if !ok {
		return left{}, errors.New("not an event")
	}
	l := left{target: event.TargetOf(e.Addr), noted: r.Noted, event: event.Event{
		Module: string(body.Module), Command: body.Command(), Params: json.RawMessage(body.Params),
		Key: r.Key, ExceptSender: r.ExceptSender, Secret: e.Secret, TTL: ttlOf(&e),
	}}
	if e.Series != nil {
		l.event.Keep = event.Last
	}
	for user, own := range e.PerUser.All() {
		if l.event.PerUser == nil {
			l.event.PerUser = make(map[string]any)
		}
		l.event.PerUser[string(user)] = json.RawMessage(own)
	}
	if body.Extra != nil {
		var extra map[string]json.RawMessage
		if err := json.Unmarshal(body.Extra, &extra); err != nil {
			return left{}, err
		}
		l.event.Extra = make(map[string]any)
		for key, value := range extra {
			l.event.Extra[key] = value
		}
	}
	if e.Kind == envelope.KindPush || e.Kind == envelope.KindPushOnly {
		push, err := notification.Decode(e.Push)
		if err != nil {
			return left{}, err
		}
		l.event.Push = &push
	}
	return l.complete()
}

// ttlOf returns the TTL that an event was sent with, rounded up to a second, and 0
// for the default.
func ttlOf(e *envelope.Envelope) time.Duration {
	at := time.Unix(0, e.At).Add(time.Second - 1).Unix()
	ttl := time.Duration(int64(e.Expires)-at) * time.Second
	if ttl == defaultTTL {
		return 0
	}
	return ttl
}

// newWant returns what a test wants.
func newWant(m Message) (left, error) {
	params, err := encode(m.Event.Params)
	if err != nil {
		return left{}, fmt.Errorf("the params of %s:%s: %w", m.Event.Module, m.Event.Command, err)
	}
	if string(params) == "null" {
		params = []byte("{}")
	}
	l := left{target: m.Target, event: m.Event, noted: true}
	l.event.Module = strings.ToLower(m.Event.Module)
	l.event.Params = json.RawMessage(params)
	if l.event.TTL == defaultTTL {
		l.event.TTL = 0
	}
	l.event.TTL = (l.event.TTL + time.Second - 1).Truncate(time.Second)
	return l.complete()
}

// complete fills in what has a canonical form, and returns the event.
func (l *left) complete() (left, error) {
	var err error
	l.params, err = canonical(l.event.Params.(json.RawMessage))
	if err == nil && l.event.Push != nil {
		l.push, err = canonical(notification.Encode(l.event.Push))
	}
	if err == nil {
		l.perUser, err = canonicalMap(l.event.PerUser)
	}
	if err == nil {
		l.extra, err = canonicalMap(l.event.Extra)
	}
	return *l, err
}

// canonicalMap returns a map as JSON in canonical form, or "" if it is empty.
func canonicalMap(m map[string]any) (string, error) {
	if len(m) == 0 {
		return "", nil
	}
	text, err := encode(m)
	if err != nil {
		return "", err
	}
	return canonical(text)
}

// encode returns a value as JSON, as events have it.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// canonical returns JSON with sorted keys and without spaces.
func canonical(text []byte) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // a float64 would round
	var v any
	if err := dec.Decode(&v); err != nil {
		return "", err
	}
	sorted, err := encode(v)
	return string(sorted), err
}

// matches reports whether got is what a test wants.
func (l *left) matches(got *left) bool {
	reduced := got.reduced(l)
	return l.head() == reduced.head() && l.params == reduced.params && l.perUser == reduced.perUser && l.extra == reduced.extra && l.push == reduced.push
}

// reduced returns the event without what the test does not compare.
func (l *left) reduced(want *left) *left {
	r := *l
	if !l.noted {
		r.event.Key, r.event.ExceptSender = want.event.Key, want.event.ExceptSender
	}
	if want.event.Key == "" {
		r.event.Key = ""
	}
	if want.event.Keep == event.KeepAll {
		r.event.Keep = event.KeepAll
	}
	if want.event.TTL == 0 {
		r.event.TTL = 0
	}
	r.event.ExceptSender = r.event.ExceptSender && want.event.ExceptSender
	r.event.Secret = r.event.Secret && want.event.Secret
	if want.event.Push == nil {
		r.event.Push, r.push = nil, ""
	}
	return &r
}

// Package event encodes an event and the target that it is for.
package event

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/protocol"
)

const (
	defaultTTL = 24 * time.Hour
	longestTTL = 100 * 365 * 24 * time.Hour // is no end: more could overflow
	keptBytes  = 256 << 10                  // of the buffers of an encoder that is kept for the next event
	quoted     = 40                         // bytes of params that an error quotes
)

// An Event is a command that the application sends to the pages of a module.
type Event struct {
	// Module is the id of a registered module. Send converts it to lower case.
	Module string

	// Command names what happened. It consists of letters, digits and any of ".
	// _ - :", at most 100 bytes. Case is significant.
	Command string

	// Params are passed to the page's handlers as JSON. Send encodes them once;
	// later changes are not sent. Times are encoded as RFC 3339, nil as {}. The
	// output of a json.RawMessage or a MarshalJSON method must be JSON in
	// UTF-8. Default {}.
	Params any

	// Key makes later events replace earlier ones. Of several events with one
	// key to one target in one request, only the last is sent, in its own
	// place. Default: every event is sent.
	Key string

	// TTL is how long a page that was away can still get the event when it
	// reconnects, rounded up to a second. A century or more means no end. The
	// window of the node is a further limit. Default 24 hours.
	TTL time.Duration

	// ExceptSender excludes the page that made the request: the page of the
	// request's user whose id is in the header Pull-Client. It has no effect
	// outside a request, or inside Config.User.
	ExceptSender bool
}

// Check reports what is wrong with the event's names, and lower-cases the module.
func Check(e *Event) error {
	if err := envelope.CheckName("module id", e.Module, ""); err != nil {
		return err
	}
	e.Module = strings.ToLower(e.Module)
	if err := envelope.CheckName("command", e.Command, ":"); err != nil {
		return err
	}
	if e.TTL < 0 {
		return fmt.Errorf("pull: negative TTL %s of %s/%s", e.TTL, e.Module, e.Command)
	}
	return nil
}

// expires returns the unix second after which the event is not replayed.
func (e *Event) expires(now time.Time) uint64 {
	ttl := min(e.TTL, longestTTL)
	if ttl == 0 {
		ttl = defaultTTL
	}
	return uint64(now.Add(ttl + time.Second - 1).Unix()) //nolint:gosec // the clock is past 1970
}

// An encoder is kept between events: a json.Encoder, the buffer it fills, and
// the room in which an envelope is put together.
type encoder struct {
	params bytes.Buffer
	json   *json.Encoder
	raw    []byte
	second protocol.Clock
}

var encoders = sync.Pool{New: func() any { //nolint:gochecknoglobals // a cache of buffers, shared by all plugins
	e := new(encoder)
	e.json = json.NewEncoder(&e.params)
	return e
}}

// release keeps the encoder for the next event, unless one giant made its
// buffers so large that keeping them would be a leak.
func (c *encoder) release() {
	if c.params.Cap()+cap(c.raw) <= keptBytes {
		encoders.Put(c)
	}
}

// Encode returns the envelope of an event to a target, both of which are
// checked. limit bounds the part of it that pages receive.
func Encode(t *Target, e *Event, sender string, now time.Time, limit int) ([]byte, error) {
	c := encoders.Get().(*encoder) //nolint:forcetypeassert // holds nothing else
	defer c.release()
	return c.encode(t, e, sender, now, limit)
}

func (c *encoder) encode(t *Target, e *Event, sender string, now time.Time, limit int) ([]byte, error) {
	params, err := c.encodeParams(e)
	if err != nil {
		return nil, err
	}
	b := envelope.AppendHeader(c.raw[:0], envelope.KindEvent, now)
	b = binary.AppendUvarint(b, e.expires(now))
	b = AppendTarget(b, sender, t)
	head := len(b)
	b = protocol.AppendEvent(b, e.Module, e.Command, params)
	b = append(c.second.AppendExtra(b, now), '}')
	c.raw = b
	if size := len(b) - head; size > limit {
		return nil, &SizeError{Size: size, Limit: limit}
	}
	return bytes.Clone(b), nil
}

// encodeParams returns params as JSON on one line, never null. The bytes are
// valid until the next call.
func (c *encoder) encodeParams(e *Event) ([]byte, error) {
	c.params.Reset()
	if e.Params != nil {
		if err := c.json.Encode(e.Params); err != nil {
			return nil, &ParamsError{Module: e.Module, Command: e.Command, Err: err}
		}
	}
	params := bytes.TrimSuffix(c.params.Bytes(), []byte("\n"))
	if !utf8.Valid(params) {
		return nil, &ParamsError{Module: e.Module, Command: e.Command, Err: errNotUTF8(params)}
	}
	if len(params) == 0 || string(params) == "null" {
		c.params.Reset()
		c.params.WriteString("{}")
		params = c.params.Bytes()
	}
	return params, nil
}

// errNotUTF8 says where params are not. The strings of encoding/json always
// are; what a json.RawMessage or a MarshalJSON has brought is taken as it is, and
// browsers fail a connection on which it comes.
func errNotUTF8(params []byte) error {
	at := 0
	for at < len(params) {
		r, size := utf8.DecodeRune(params[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return fmt.Errorf("byte %#02x at %d of the JSON is not UTF-8, after %q", params[at], at, params[max(0, at-quoted):at])
}

// ErrTooLarge is returned by Send for an event of more than
// Config.EventBytes, or of more than 16 MiB together with its target, 64
// MiB outside a request. errors.As finds a [SizeError] with the numbers.
var ErrTooLarge = errors.New("pull: event too large")

// A SizeError reports the size of an event that is too large. It wraps
// [ErrTooLarge].
type SizeError struct {
	Size  int // bytes of the encoded event
	Limit int // Config.EventBytes, or the largest size that can be sent
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%v: %d bytes, the limit is %d", ErrTooLarge, e.Size, e.Limit)
}

func (e *SizeError) Unwrap() error { return ErrTooLarge }

// A ParamsError reports params that cannot be encoded as JSON. Err is the error
// of encoding/json, or describes where the JSON is not UTF-8.
type ParamsError struct {
	Module, Command string
	Err             error
}

func (e *ParamsError) Error() string {
	return fmt.Sprintf("pull: params of %s/%s: %v", e.Module, e.Command, e.Err)
}

func (e *ParamsError) Unwrap() error { return e.Err }

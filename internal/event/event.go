// Package event encodes events and their targets.
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
	longestTTL = 100 * 365 * 24 * time.Hour // a longer TTL is reduced to this, or it could overflow
	keptBytes  = 256 << 10                  // an encoder with larger buffers is not reused
	quoted     = 40                         // bytes of the params that an error quotes
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

// Check returns an error if a field of the event is invalid. It converts the
// module id to lower case.
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

// expires returns the unix second after which the event is no longer replayed.
func (e *Event) expires(now time.Time) uint64 {
	ttl := min(e.TTL, longestTTL)
	if ttl == 0 {
		ttl = defaultTTL
	}
	return uint64(now.Add(ttl + time.Second - 1).Unix()) //nolint:gosec // the clock is past 1970
}

// An encoder is reused for many events. It holds a json.Encoder, the buffer of
// that, and the buffer of the envelope.
type encoder struct {
	params bytes.Buffer
	json   *json.Encoder
	raw    []byte
	clock  protocol.Clock
}

var encoders = sync.Pool{New: func() any { //nolint:gochecknoglobals // a cache of buffers; all plugins of a process share it
	e := new(encoder)
	e.json = json.NewEncoder(&e.params)
	return e
}}

// release returns the encoder to the pool, unless a very large event has made
// its buffers so large that keeping them would be a leak.
func (enc *encoder) release() {
	if enc.params.Cap()+cap(enc.raw) <= keptBytes {
		encoders.Put(enc)
	}
}

// Encode returns the envelope of an event to a target. Both must have passed
// their checks. limit bounds the size of the part that pages receive.
func Encode(t *Target, e *Event, sender string, now time.Time, limit int) ([]byte, error) {
	enc := encoders.Get().(*encoder) //nolint:forcetypeassert // holds nothing else
	defer enc.release()
	return enc.encode(t, e, sender, now, limit)
}

func (enc *encoder) encode(t *Target, e *Event, sender string, now time.Time, limit int) ([]byte, error) {
	params, err := enc.encodeParams(e)
	if err != nil {
		return nil, err
	}
	b := envelope.AppendHeader(enc.raw[:0], envelope.KindEvent, now)
	b = binary.AppendUvarint(b, e.expires(now))
	b = AppendTarget(b, sender, t)
	head := len(b)
	b = protocol.AppendEvent(b, e.Module, e.Command, params)
	b = append(enc.clock.AppendExtra(b, now), '}')
	enc.raw = b
	if size := len(b) - head; size > limit {
		return nil, &SizeError{Size: size, Limit: limit}
	}
	return bytes.Clone(b), nil
}

// encodeParams returns the params as JSON on one line, never null. The result
// is valid until the next call.
func (enc *encoder) encodeParams(e *Event) ([]byte, error) {
	enc.params.Reset()
	if e.Params != nil {
		if err := enc.json.Encode(e.Params); err != nil {
			return nil, &ParamsError{Module: e.Module, Command: e.Command, Err: err}
		}
	}
	params := bytes.TrimSuffix(enc.params.Bytes(), []byte("\n"))
	if !utf8.Valid(params) {
		return nil, &ParamsError{Module: e.Module, Command: e.Command, Err: errNotUTF8(params)}
	}
	if len(params) == 0 || string(params) == "null" {
		enc.params.Reset()
		enc.params.WriteString("{}")
		params = enc.params.Bytes()
	}
	return params, nil
}

// errNotUTF8 returns an error that locates the first byte of params that is not
// UTF-8. encoding/json replaces invalid UTF-8 in strings, but copies the output
// of a json.RawMessage or a MarshalJSON method. Browsers fail a connection that
// receives such bytes.
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

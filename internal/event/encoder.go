package event

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/notification"
	"github.com/echo-pull/pull/internal/protocol"
)

// An encoder is reused for many events. It holds a json.Encoder, the buffer of
// that, and the buffer of the envelope.
type encoder struct {
	params bytes.Buffer
	json   *json.Encoder
	raw    []byte
}

var encoders = sync.Pool{New: func() any { return newEncoder() }} //nolint:gochecknoglobals // a cache of buffers; all plugins of a process share it

func newEncoder() *encoder {
	e := new(encoder)
	e.json = json.NewEncoder(&e.params)
	e.json.SetEscapeHTML(false) // pages parse JSON, and HTML in it would grow by half
	return e
}

// release returns the encoder to the pool, unless a very large event has made
// its buffers so large that keeping them would be a leak.
func (enc *encoder) release() {
	if enc.params.Cap()+cap(enc.raw) <= keptBytes {
		encoders.Put(enc)
	}
}

// Encode passes the envelope of an event to use, and returns the error of that. The
// next event uses the memory of the envelope: use has to copy what it keeps. The event
// and its target must have passed their checks. limit bounds the size of its body,
// which is what pages receive without the offset and the time, and of PerUser.
func Encode(t *Target, e *Event, sender string, limit int, use func(raw []byte) error) error {
	enc := encoders.Get().(*encoder) //nolint:forcetypeassert // holds nothing else
	defer enc.release()
	raw, err := enc.encode(t, e, sender, time.Now(), limit)
	if err != nil {
		return err
	}
	return use(raw)
}

// encode returns the envelope. It is valid until the next call.
func (enc *encoder) encode(t *Target, e *Event, sender string, now time.Time, limit int) ([]byte, error) {
	m, err := enc.encodeMore(e)
	if err != nil {
		return nil, err
	}
	params, err := enc.encodeParams(e)
	if err != nil {
		return nil, err
	}
	b := envelope.AppendHeader(enc.raw[:0], kindOf(e), now)
	if e.Secret {
		envelope.MarkSecret(b)
	}
	if e.hasSeries() {
		b = envelope.AppendSeries(b, seriesOf(e, t))
	}
	if len(m.users) > 0 {
		envelope.MarkPerUser(b)
	}
	if e.Push != nil {
		b = envelope.AppendPush(b, notification.Encode(e.Push))
	}
	b = binary.AppendUvarint(b, e.expires(now))
	b = AppendTarget(b, sender, t)
	head := len(b)
	if len(m.users) > 0 {
		b = envelope.AppendPerUser(b, m.users, m.own)
	}
	b = protocol.AppendBody(b, e.Module, e.Command, params)
	if m.extra != nil {
		b = protocol.AppendExtra(b, m.extra)
	}
	enc.raw = b
	if size := len(b) - head; size > limit {
		return nil, &SizeError{Size: size, Limit: limit}
	}
	return b, nil
}

// kindOf returns the kind of an event's envelope.
func kindOf(e *Event) envelope.Kind {
	switch {
	case e.Push == nil:
		return envelope.KindEvent
	case e.Command == "":
		return envelope.KindPushOnly
	default:
		return envelope.KindPush
	}
}

// EncodeWithdrawal returns the envelope of an event that withdraws the
// notifications with a tag of the users at a target. Both must have passed their
// checks.
func EncodeWithdrawal(t *Target, tag string, now time.Time) ([]byte, error) {
	params, err := json.Marshal(map[string]string{"tag": tag})
	if err != nil {
		return nil, err
	}
	b := envelope.AppendPush(envelope.AppendHeader(nil, envelope.KindWithdraw, now), []byte(tag))
	b = binary.AppendUvarint(b, new(Event).expires(now))
	b = AppendTarget(b, "", t)
	return protocol.AppendBody(b, "pull", "withdraw", params), nil
}

// encodeParams returns the params as JSON on one line, never null. The result
// is valid until the next call of a method.
func (enc *encoder) encodeParams(e *Event) ([]byte, error) {
	params, err := enc.encodeValue(e.Params)
	if err == nil && string(params) == "null" {
		enc.params.Reset()
		enc.params.WriteString("{}")
		params = enc.params.Bytes()
	}
	if err == nil && len(e.PerUser) > 0 {
		if err = protocol.CheckObject(params); err != nil {
			err = fmt.Errorf("with PerUser: %w", err)
		}
	}
	if err != nil {
		return nil, &ParamsError{Module: e.Module, Command: e.Command, Err: err}
	}
	return params, nil
}

// encodeValue returns a value as JSON on one line. The result is valid until the next
// call.
func (enc *encoder) encodeValue(v any) ([]byte, error) {
	if text, ok := v.(json.RawMessage); ok && isReady(text) {
		return text, nil
	}
	enc.params.Reset()
	if err := enc.json.Encode(v); err != nil {
		return nil, err
	}
	text := bytes.TrimSuffix(enc.params.Bytes(), []byte("\n"))
	if !utf8.Valid(text) {
		return nil, errNotUTF8(text)
	}
	return text, nil
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

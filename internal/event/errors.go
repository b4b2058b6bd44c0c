package event

import (
	"cmp"
	"errors"
	"fmt"
)

// ErrTooLarge is returned by Send for an event of more than
// Config.EventBytes, or of more than 16 MiB together with its target, 64
// MiB outside a request, and for a notification of more than 3,993 bytes.
// errors.As finds a [SizeError] with the numbers.
var ErrTooLarge = errors.New("pull: event too large")

// A SizeError reports the size of an event that is too large. It wraps
// [ErrTooLarge].
type SizeError struct {
	Size  int // bytes of the encoded event
	Limit int // Config.EventBytes, or the largest size that can be sent

	push bool // it is the notification
}

func (e *SizeError) Error() string {
	if e.push {
		return fmt.Sprintf("%v: its notification has %d bytes, the limit is %d", ErrTooLarge, e.Size, e.Limit)
	}
	return fmt.Sprintf("%v: %d bytes, the limit is %d", ErrTooLarge, e.Size, e.Limit)
}

func (e *SizeError) Unwrap() error { return ErrTooLarge }

// A ParamsError reports params that cannot be encoded as JSON, also PerUser and Extra.
// Err is the error of encoding/json, or describes where the JSON is not UTF-8, or why it
// is not an object that can be merged.
type ParamsError struct {
	Module, Command string
	Err             error

	of string // what they are, if not the event's Params
}

func (e *ParamsError) Error() string {
	return fmt.Sprintf("pull: %s of %s/%s: %v", cmp.Or(e.of, "params"), e.Module, e.Command, e.Err)
}

func (e *ParamsError) Unwrap() error { return e.Err }

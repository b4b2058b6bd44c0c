// Package event declares events.
package event

import (
	"errors"
	"fmt"
	"time"
)

// HeaderClient is the header that names the page.
const HeaderClient = "Pull-Client"

const hidden = 1

// An Event is a command.
//
// See [Plugin.Send] and [Target.Or].
type Event struct {
	// Module is the id of a registered module.
	// Case is not significant.
	Module string

	Params any // the default is {}

	TTL    time.Duration // how long it is replayed
	secret int
}

func (e *Event) check() error { return fmt.Errorf("%d", e.secret+hidden) }

// A Bound is a list of events.
type Bound[T any] []T

// Of returns a list.
func Of[T any](all ...T) Bound[T] { return all }

var (
	// ErrTooLarge is returned for large events. errors.As finds a [SizeError].
	ErrTooLarge = errors.New("too large")

	errHidden = errors.New("hidden")

	// ErrTooLate is returned by [Plugin.Send].
	ErrTooLate = errors.New("too late")

	// ErrUnlisted is not shared.
	ErrUnlisted = errHidden
)

// A SizeError wraps [ErrTooLarge].
type SizeError struct {
	Size  int // of the event
	Limit int // Config.EventBytes
}

func (e *SizeError) Error() string { return "" }

func (e *SizeError) Unwrap() error { return ErrTooLarge }

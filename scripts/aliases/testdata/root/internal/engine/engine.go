// Package engine is the engine.
package engine

import (
	"context"
	"time"

	"example.com/pull/internal/event"
)

// A Section is a part of the application.
type Section uint8

// The sections. They can be combined.
const (
	// PublicSection is the part for visitors.
	PublicSection Section = 1 << iota

	AdminSection // the part for [event.User]
	otherSection
)

// A Broker is a log.
type Broker interface {
	// Publish returns [event.ErrTooLarge].
	Publish(ctx context.Context, e ...event.Event) error
}

// Memory is a [Broker].
type Memory struct {
	Count int // largest number of messages

	Last   event.Event // the event that was published last
	hidden Section
}

// Publish implements [Broker].
func (m *Memory) Publish(ctx context.Context, e ...event.Event) error {
	m.hidden = otherSection
	return ctx.Err()
}

// Follow calls take.
func Follow(ctx context.Context, m *Memory, wait time.Duration, take func(event.Event)) {}

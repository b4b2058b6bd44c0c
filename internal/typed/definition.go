// Package typed defines events whose params have a Go type, and describes them in
// TypeScript and AsyncAPI.
package typed

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/schema"
)

// A Definition is an event whose params have the type T. It is a value that any
// number of goroutines may use. [Define] makes one; the zero Definition has no name,
// and sending it is an error.
type Definition[T any] struct{ module, command string }

// Define defines the event with this name: a module and a command, as in [Event].
// Usually the definition is a variable of a package:
//
//	var TaskUpdated = pull.Define[Task]("tasks", "update")
//
// Define checks nothing. A malformed name is an error of Send, of [WriteTypeScript]
// and of [WriteAsyncAPI].
func Define[T any](module, command string) Definition[T] { return Definition[T]{module, command} }

// Event returns the event with these params. Its other fields, such as Key and TTL,
// may be set before it is sent.
func (d Definition[T]) Event(params T) event.Event {
	return event.Event{Module: d.module, Command: d.command, Params: params}
}

// Send sends the event with these params, and returns the errors of [Outbox].Send. To
// set other fields of the event, send what Event returns:
//
//	event := TaskUpdated.Event(task)
//	event.Key = task.ID
//	err := c.Pull().Send(target, event)
func (d Definition[T]) Send(outbox *engine.Outbox, target event.Target, params T) error {
	return outbox.Send(target, d.Event(params))
}

func (d Definition[T]) declare(c *catalog) error {
	if err := event.Check(&event.Event{Module: d.module, Command: d.command}); err != nil {
		return fmt.Errorf("%w, in the definition of %s:%s", err, d.module, d.command)
	}
	return c.add(strings.ToLower(d.module), d.command, reflect.TypeFor[T]())
}

// Typed is what [WriteTypeScript] and [WriteAsyncAPI] describe: a [Definition], or
// what they have to know of a type, from [OneOf] or [EncodedAs].
type Typed interface{ declare(c *catalog) error }

// A Declaration is what reflection cannot find out of a type. [OneOf] and [EncodedAs]
// make one.
type Declaration struct {
	declareIn func(types *schema.Set) error
}

func (d Declaration) declare(c *catalog) error {
	if d.declareIn == nil {
		return nil
	}
	if err := d.declareIn(c.types); err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	return nil
}

// OneOf declares that the values of T are only these, usually its constants. It
// becomes a union of literals in TypeScript, and an enum in JSON Schema. If T has a
// method MarshalJSON or MarshalText, the literals are what that returns. T must be a
// type of its own, such as
//
//	type Status string
//
// The zero value is one of the values only if it is among them. Nothing checks the
// values that are sent.
func OneOf[T any](values ...T) Declaration {
	return Declaration{func(types *schema.Set) error {
		all := make([]any, len(values))
		for i, value := range values {
			all[i] = value
		}
		return types.OneOf(reflect.TypeFor[T](), all)
	}}
}

// EncodedAs declares that the JSON of a T is like that of a J. It is required for
// every T with a method MarshalJSON, as reflection cannot see what that returns:
//
//	pull.EncodedAs[decimal.Decimal, string]()
//
// If the JSON can be anything, J is any. If MarshalJSON may return null, J is a
// pointer. T may also be an interface with a name; without a declaration, the values
// of interfaces are unknown.
func EncodedAs[T, J any]() Declaration {
	return Declaration{func(types *schema.Set) error {
		return types.EncodedAs(reflect.TypeFor[T](), reflect.TypeFor[J]())
	}}
}

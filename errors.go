package pull

import (
	"errors"
	"fmt"
)

var (
	// ErrUnknownModule is returned by Send when no module of the event's id is
	// registered. Register it at start-up. The ids "pull" and "online" belong
	// to the plugin and can never be sent as.
	ErrUnknownModule = errors.New("pull: unknown module")

	// ErrTooLate is returned when the handler has already returned, typically
	// because a goroutine outlived the request it was started for. Such code
	// uses [Plugin.Send].
	ErrTooLate = errors.New("pull: the request has ended")

	// ErrTooLarge is returned by Send for an event of more than Config.EventBytes,
	// or of more than 16 MiB together with its target, 64 MiB outside of a request;
	// errors.As finds a [SizeError] with the numbers.
	ErrTooLarge = errors.New("pull: event too large")

	// ErrQueueFull is returned by Send when the broker has fallen so far behind
	// that the publisher's bounded queue has no room. Nothing was collected:
	// fail the request, or try again later.
	ErrQueueFull = errors.New("pull: publisher's queue is full")

	// ErrOutboxFull is returned when one request has collected more than its share
	// of the publisher's queue: 16,384 events, watches included, or 16 MiB. Nothing
	// was collected. [Outbox.Flush] makes room.
	ErrOutboxFull = errors.New("pull: the request has collected too much")

	// ErrClosed is returned after [Plugin.Shutdown] was called.
	ErrClosed = errors.New("pull: plugin is shut down")

	// ErrNoOutbox is returned by the methods of a nil [Outbox], which is what
	// [From] answers for a context of no request, or of a request that has not
	// passed through [Plugin.Middleware].
	ErrNoOutbox = errors.New("pull: no outbox: the request has not passed the middleware")

	// ErrGuest is returned when a guest should watch a tag: watches belong to users.
	ErrGuest = errors.New("pull: a guest cannot watch")

	// ErrTooManyWatches is returned when a grant would go over
	// Config.MaxTagsPerUser or Config.MaxUsersPerTag. Nothing was granted.
	ErrTooManyWatches = errors.New("pull: too many watches")
)

// A SizeError tells by how much an event was too large. It is [ErrTooLarge] to
// errors.Is.
type SizeError struct {
	Size  int // bytes of the encoded event
	Limit int // Config.EventBytes, or what may be sent at all
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%v: %d bytes, the limit is %d", ErrTooLarge, e.Size, e.Limit)
}

func (e *SizeError) Unwrap() error { return ErrTooLarge }

// A ParamsError reports params that cannot be encoded as JSON. Err is what
// encoding/json said, or says where they are not UTF-8.
type ParamsError struct {
	Module, Command string
	Err             error
}

func (e *ParamsError) Error() string {
	return fmt.Sprintf("pull: params of %s/%s: %v", e.Module, e.Command, e.Err)
}

func (e *ParamsError) Unwrap() error { return e.Err }

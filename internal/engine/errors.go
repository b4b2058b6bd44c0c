package engine

import "errors"

var (
	// ErrUnknownModule is returned by Send if the event's module is not
	// registered. Register modules at start-up. The ids "pull" and "online"
	// belong to the plugin; an application cannot send as them.
	ErrUnknownModule = errors.New("pull: unknown module")

	// ErrTooLate is returned if the handler has already returned, typically
	// because a goroutine outlived its request. Such code should use
	// [Plugin.Send].
	ErrTooLate = errors.New("pull: the request has ended")

	// ErrOutboxFull is returned if one request has collected more than its
	// share of the publisher's queue: 16,384 events, including watches, or 16
	// MiB. Nothing was collected. Flush makes room.
	ErrOutboxFull = errors.New("pull: the request has collected too much")

	// ErrNoOutbox is returned by the methods of a nil [Outbox]. [From] returns
	// a nil Outbox if the context belongs to no request, or to a request that
	// has not passed [Plugin.Middleware]. A test that calls a handler itself gets a
	// context with an outbox from package pulltest.
	ErrNoOutbox = errors.New("pull: no outbox: the request has not passed the middleware; " +
		"install it with e.Use(p.Middleware()), or in a test that calls the handler itself, use pulltest.Context")

	// ErrGuest is returned by Watch for a guest: watches belong to users. A page of a
	// guest can watch by a grant, see [Plugin.Grant].
	ErrGuest = errors.New("pull: a guest cannot watch, but its page can, see Plugin.Grant")
)

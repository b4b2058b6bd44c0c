package pull

import (
	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/publish"
)

type (
	Event       = event.Event
	Target      = event.Target
	SizeError   = event.SizeError
	ParamsError = event.ParamsError
)

var ErrTooLarge = event.ErrTooLarge

func User(ids ...string) Target { return event.User(ids...) }
func Tag(tags ...string) Target { return event.Tag(tags...) }
func Shared() Target            { return event.Shared() }

type (
	Broker = broker.Broker
	Memory = broker.Memory
)

var (
	ErrQueueFull = publish.ErrQueueFull
	ErrClosed    = publish.ErrClosed
)

package pull

import (
	"context"

	"github.com/echo-pull/pull/internal/broker"
	"github.com/echo-pull/pull/internal/engine"
	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/hub"
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

type OnlineScope = hub.OnlineScope

const (
	OnlineNobody   = hub.OnlineNobody
	OnlineEveryone = hub.OnlineEveryone
)

func OnlineWatchers(tag string) OnlineScope { return hub.OnlineWatchers(tag) }

var ErrTooManyWatches = hub.ErrTooManyWatches

type (
	Outbox   = engine.Outbox
	Watches  = engine.Watches
	Presence = engine.Presence
	Module   = engine.Module
	Section  = engine.Section
	Stats    = engine.Stats
)

const (
	PublicSection = engine.PublicSection
	AdminSection  = engine.AdminSection
	NoSection     = engine.NoSection
	HeaderClient  = engine.HeaderClient
)

var (
	ErrUnknownModule = engine.ErrUnknownModule
	ErrTooLate       = engine.ErrTooLate
	ErrOutboxFull    = engine.ErrOutboxFull
	ErrNoOutbox      = engine.ErrNoOutbox
	ErrGuest         = engine.ErrGuest
)

func From(ctx context.Context) *Outbox { return engine.From(ctx) }

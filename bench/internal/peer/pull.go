package peer

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/bench/internal/wire"
)

// module is the part of the application that sends.
const module = "bench"

// pullPeer is an application with the plugin: a real Echo and the defaults of
// Config, which include recovery. Pages are notified of who is online only if the
// options say so, as with every peer: it costs as much as many messages.
type pullPeer struct {
	http.Handler
	*requests
	plugin *pull.Plugin
}

func newPull(o Options) (*pullPeer, error) { return runPull(configured(o)) }

// newDeflatedPull compresses what pages accept compressed.
func newDeflatedPull(o Options) (*pullPeer, error) {
	config := configured(o)
	config.Compress = true
	return runPull(config)
}

func configured(o Options) pull.Config {
	config := pull.Config{
		User:      func(c echo.Context) (string, error) { return c.Request().Header.Get("Bench-User"), nil },
		WindowAge: o.WindowAge,
	}
	if o.Presence {
		config.Online = pull.OnlineEveryone
	}
	return config
}

func runPull(config pull.Config) (*pullPeer, error) {
	plugin, err := pull.New(config)
	if err != nil {
		return nil, err
	}
	if err := plugin.Register(pull.Module{ID: module, Use: pull.PublicSection}); err != nil {
		return nil, err
	}
	e := echo.New()
	e.Use(plugin.Middleware())
	plugin.Mount(e.Group("/pull", watching(plugin)))
	e.POST("/bare", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	e.POST("/one", pull.Handler(sendOne))
	return &pullPeer{e, newRequests(e, pull.Handler(sendAll)), plugin}, nil
}

// watching grants the connecting user its tag, as a page of the application would
// have done before.
func watching(plugin *pull.Plugin) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			header := c.Request().Header
			if err := plugin.Watch().Add(header.Get("Bench-User"), header.Get("Bench-Tag")); err != nil {
				return err
			}
			return next(c)
		}
	}
}

// sendAll is the application's handler.
func sendAll(c pull.Context) error {
	t := taskOf(c.Request().Context())
	for _, m := range t.messages {
		if err := c.Pull().Send(pull.User(t.user), event(m)); err != nil {
			return err
		}
	}
	return c.NoContent(http.StatusNoContent)
}

// sendOne is a handler that is called over the network: it sends one event to user 0.
func sendOne(c pull.Context) error {
	m := wire.NewMessage(0, time.Now(), "Write it down")
	if err := c.Pull().Send(pull.User(User(0)), event(m)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func event(m wire.Message) pull.Event {
	return pull.Event{Module: module, Command: "m", Params: m}
}

func (p *pullPeer) Broadcast(m wire.Message) error { return p.send(pull.Shared(), m) }

func (p *pullPeer) User(user string, m wire.Message) error { return p.send(pull.User(user), m) }

func (p *pullPeer) Tag(tag string, m wire.Message) error { return p.send(pull.Tag(tag), m) }

func (p *pullPeer) send(to pull.Target, m wire.Message) error {
	return p.plugin.Send(context.Background(), to, event(m))
}

func (p *pullPeer) Request(ctx context.Context, user string, messages []wire.Message) error {
	return p.do(ctx, user, messages)
}

// Window returns what the plugin remembers.
func (p *pullPeer) Window() wire.Window {
	s := p.plugin.Stats()
	return wire.Window{Messages: s.WindowMessages, Bytes: s.WindowBytes}
}

func (p *pullPeer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = p.plugin.Shutdown(ctx)
}

package cluster_test

import (
	"cmp"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/modeltest"
)

// lastsHeader is the request header with how long the session lasts; an hour by default.
const lastsHeader = "X-Lasts"

// publishKey is the key with which a service publishes events at /events.
const publishKey = "the-key-of-a-service"

// app starts the application on one node.
func app(config modeltest.Config) (*modeltest.App, error) {
	drain, err := time.ParseDuration(cmp.Or(os.Getenv(nodeDrain), "0"))
	if err != nil {
		return nil, err
	}
	tick, err := time.ParseDuration(cmp.Or(os.Getenv(nodeTick), "200ms"))
	if err != nil {
		return nil, err
	}
	r := &tracer{delivered: make(map[string]int)}
	p, err := pull.New(pull.Config{
		Session: func(c echo.Context) (pull.Session, error) {
			h := c.Request().Header
			lasts, err := time.ParseDuration(cmp.Or(h.Get(lastsHeader), "1h"))
			return pull.Session{User: h.Get(modeltest.UserHeader), ID: h.Get(modeltest.SessionHeader), Until: time.Now().Add(lasts)}, err
		},
		Secret: []byte("the secret that all nodes have in common"),
		Broker: config.Broker, Guests: true, Compress: true, Tick: tick, PresenceGrace: 50 * time.Millisecond,
		WindowCount: 1_000_000, Drain: max(drain, config.Drain), Trace: r,
		Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
		Pusher: newForwarder(os.Getenv(nodePusher)),
	})
	if err != nil {
		return nil, err
	}
	if err := p.Register(modeltest.Module()); err != nil {
		return nil, err
	}
	e := echo.New()
	e.Pre(r.middleware)
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))
	e.POST("/send", pull.Handler(func(c pull.Context) error {
		if err := modeltest.Send(c.Pull(), c.Request()); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}))
	e.POST("/events", p.PublishHandler(pull.PublishConfig{Keys: []string{publishKey}, Modules: []string{"tasks"}}))
	e.POST("/disconnect", func(c echo.Context) error {
		if err := p.Disconnect(c.QueryParam("user")); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	e.POST("/notify", pull.Handler(func(c pull.Context) error {
		push := &pull.Push{Title: c.QueryParam("title")}
		if err := p.Send(c.Request().Context(), pull.User(c.QueryParam("to")), pull.Event{Module: "tasks", Push: push}); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent) // the log has it
	}))
	e.GET("/page", func(c echo.Context) error {
		content, err := modeltest.Page(pull.From(c.Request().Context()), c.Request(), func(tags ...string) (string, error) { return p.Grant(c, tags...) })
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, content)
	})
	addOperator(e, p, r)
	return &modeltest.App{Plugin: p, Routes: modeltest.Routes(p, e)}, nil
}

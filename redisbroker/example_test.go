package redisbroker_test

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/redisbroker"
)

// An application of which any number of nodes can run, behind a proxy that
// spreads the pages.
func Example() { //nolint:testableexamples // TestExample runs it
	broker, err := redisbroker.New(redisbroker.Config{URL: os.Getenv("REDIS_URL")}) // redis://user:password@host:6379/0
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = broker.Close() }()
	plugin, err := pull.New(pull.Config{
		User:   func(c echo.Context) (string, error) { return c.Request().Header.Get("X-User"), nil }, // your login
		Broker: broker,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := plugin.Register(pull.Module{ID: "tasks"}); err != nil {
		log.Fatal(err)
	}

	e := echo.New()
	e.HideBanner = true
	e.Use(plugin.Middleware())
	plugin.Mount(e.Group("/pull"))
	e.POST("/tasks/:id", pull.Handler(func(c pull.Context) error {
		event := pull.Event{Module: "tasks", Command: "update", Params: map[string]string{"id": c.Param("id")}}
		if err := c.Pull().Send(pull.Shared(), event); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	go func() {
		if err := e.Start(os.Getenv("ADDRESS")); !errors.Is(err, http.ErrServerClosed) {
			log.Print(err)
			stop()
		}
	}()
	<-ctx.Done()

	ending, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := errors.Join(e.Shutdown(ending), plugin.Shutdown(ending)); err != nil {
		log.Print(err)
	}
}

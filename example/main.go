// Command example is a task list that several people edit at once. It shows
// every hook of pull: open it in two windows, under two names.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"html/template"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

//go:embed pages static
var files embed.FS

func main() {
	config := pull.Config{User: user, Nonce: nonce, Online: pull.OnlineEveryone, Platform: func(c echo.Context) pull.Platform {
		return map[string]pull.Platform{"/m": pull.Mobile}[c.Path()]
	}}
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	broker := flag.String("broker", "", "what several nodes share: postgres://…, redis://…, nats://… or sqlite:FILE; or for one node, nats:DIR, a NATS server inside the process (default: nothing, for one node)")
	flag.StringVar(&config.StateFile, "state", "", "file that carries events over a restart of one node without --broker; the tasks are kept beside it")
	flag.DurationVar(&config.PresenceGrace, "grace", 0, "how long a user who has left counts as online (default 15s)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr) // first: New takes over the state file
	check(err)
	shared := engine{close: func() error { return nil }}
	if *broker != "" {
		shared, err = openEngine(*broker)
		check(err)
		config.Broker = shared.log
	}
	p, err := pull.New(config)
	check(err)
	check(p.Register( // which modules send events, and which pages need the client for them
		pull.Module{ID: "tasks", Use: pull.PublicSection}, pull.Module{ID: "im", Use: pull.PublicSection},
		pull.Module{ID: "audit", Use: pull.AdminSection}))
	if shared.tasks == nil {
		shared.tasks, err = openFile(config.StateFile) // after New: the last process has released both files
		check(err)
	}
	e := echo.New()
	routes(e, &app{pull: p, tasks: shared.tasks})

	slog.Info("open http://" + listener.Addr().String() + " in two windows")
	err = serve(ctx, e, listener)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	check(errors.Join(err, p.Shutdown(ctx), shared.close())) // after the server: its last requests still send events
}

func check(err error) {
	if err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

func routes(e *echo.Echo, a *app) {
	e.Renderer = &echo.TemplateRenderer{Template: template.Must(template.ParseFS(files, "pages/*.html"))}
	handleErrors(e)
	e.Use(policy)
	e.StaticFS("/static", echo.MustSubFS(files, "static"))
	a.pull.Mount(e.Group("/pull"))

	inside := []echo.MiddlewareFunc{enter, a.pull.Middleware()}
	for _, path := range []string{"/", "/m", "/tasks/:id"} {
		e.GET(path, pull.Handler(a.page), inside...)
	}
	e.GET("/admin", pull.Handler(a.page), append(inside, a.pull.Section(pull.AdminSection))...)
	e.POST("/tasks", pull.Handler(a.save), inside...)
	e.POST("/tasks/:id", pull.Handler(a.save), inside...)
	e.DELETE("/tasks/:id", pull.Handler(a.remove), inside...)
	e.POST("/say", pull.Handler(a.say), inside...)
}

// Command example is a task list that several people edit at once. It shows
// every hook of pull: open it in two windows, under two names.
package main

import (
	"cmp"
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
	options := parse(&config)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", options.addr) // first: New takes over the state file
	check(err)
	shared, err := openEngine(options.broker)
	check(err)
	notify, err := openNotifier(shared.db, options.push, options.pushService)
	check(err)
	config.Broker, config.Pusher = shared.log, notify.pusher
	p, err := pull.New(config)
	check(err)
	check(p.Register( // which modules send events, and which pages need the client for them
		pull.Module{ID: "tasks", Use: pull.PublicSection}, pull.Module{ID: "im", Use: pull.PublicSection, Relay: typing},
		pull.Module{ID: "audit", Use: pull.AdminSection}))
	if shared.tasks == nil {
		shared.tasks, err = openFile(config.StateFile) // after New: the last process has released both files
		check(err)
	}
	e := echo.New()
	routes(e, &app{pull: p, tasks: shared.tasks, devices: notify.devices})
	if options.debug {
		e.GET("/debug/vars", showVars(p))
	}

	slog.Info("open http://" + listener.Addr().String() + " in two windows")
	err = serve(ctx, e, listener)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	check(errors.Join(err, p.Shutdown(ctx), notify.close(), shared.close())) // after the server: its last requests still send events
}

// settings are the flags that are not for pull.Config.
type settings struct {
	addr, broker      string
	push, pushService string
	debug             bool
}

func parse(config *pull.Config) settings {
	var o settings
	flag.StringVar(&o.addr, "addr", "127.0.0.1:8080", "where to listen")
	flag.StringVar(&o.broker, "broker", "", "what several nodes share: postgres://…, redis://…, nats://… or sqlite:FILE; or for one node, nats:DIR, a NATS server inside the process (default: nothing, for one node)")
	flag.StringVar(&config.StateFile, "state", "", "file that carries events over a restart of one node without --broker; tasks and subscriptions are kept beside it")
	flag.StringVar(&o.push, "push", "", "SQLite file with keys and subscriptions, unless --broker is an SQL database (default: beside --state, or none)")
	flag.StringVar(&o.pushService, "push-service", "", "for tests: 127.0.0.1:PORT of a stand-in for the push service of Firefox, the only one that is used then")
	flag.DurationVar(&config.PushPatience, "patience", 0, "how long a notification waits for a user who is online, but looks at no page (default 15s)")
	flag.DurationVar(&config.PresenceGrace, "grace", 0, "how long a user who has left counts as online (default 15s)")
	flag.DurationVar(&config.WindowAge, "window", 0, "how long a page may be away and still miss nothing (default 5m)")
	flag.BoolVar(&o.debug, "debug", false, "show counters at /debug/vars, to everyone")
	flag.Parse()
	o.push = cmp.Or(o.push, beside(config.StateFile, ".push.db"))
	return o
}

func check(err error) {
	if err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

// beside returns the name of another file beside the state file, or "" if there is
// none.
func beside(stateFile, suffix string) string {
	if stateFile == "" {
		return ""
	}
	return stateFile + suffix
}

func routes(e *echo.Echo, a *app) {
	e.Renderer = &echo.TemplateRenderer{Template: template.Must(template.ParseFS(files, "pages/*.html"))}
	handleErrors(e)
	e.Use(policy)
	e.StaticFS("/static", echo.MustSubFS(files, "static"))
	a.pull.Mount(e.Group("/pull"))

	inside := []echo.MiddlewareFunc{a.enter, a.pull.Middleware()}
	for _, path := range []string{"/", "/m", "/tasks/:id"} {
		e.GET(path, pull.Handler(a.page), inside...)
	}
	e.GET("/admin", pull.Handler(a.page), append(inside, a.pull.Section(pull.AdminSection))...)
	e.GET("/admin/pull*", a.pull.Inspector(), inside...)
	e.POST("/tasks", pull.Handler(a.save), inside...)
	e.POST("/tasks/:id", pull.Handler(a.save), inside...)
	e.DELETE("/tasks/:id", pull.Handler(a.remove), inside...)
	e.POST("/say", pull.Handler(a.say), inside...)
	e.GET("/subscribers", pull.Handler(a.subscribers), inside...)
}

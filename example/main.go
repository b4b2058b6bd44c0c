// Command example is a task list that several people edit at once, and shows
// every hook of pull: open it in two windows, under two names.
package main

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"flag"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"sync"
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
	flag.StringVar(&config.StateFile, "state", "", "file that carries events over a restart")
	flag.DurationVar(&config.PresenceGrace, "grace", 0, "how long a user who has left counts as online (default 15s)")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr) // first: New takes the state file away
	check(err)
	p, err := pull.New(config)
	check(err)
	check(p.Register( // who may send, and in which section pages need the client for it
		pull.Module{ID: "tasks", Use: pull.PublicSection}, pull.Module{ID: "im", Use: pull.PublicSection},
		pull.Module{ID: "audit", Use: pull.AdminSection}))
	e := echo.New()
	e.HideBanner, e.HidePort, e.Listener = true, true, listener
	routes(e, &app{pull: p, tasks: make(map[string]task)})

	slog.Info("open http://" + listener.Addr().String() + " in two windows")
	go func() { slog.Info("stopping", "reason", e.Start("")) }()
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	check(errors.Join(e.Shutdown(ctx), p.Shutdown(ctx))) // in the direction in which events flow
}

func check(err error) {
	if err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

func routes(e *echo.Echo, a *app) {
	e.Renderer = &echo.TemplateRenderer{Template: template.Must(template.ParseFS(files, "pages/*.html"))}
	e.StaticFS("/static", echo.MustSubFS(files, "static"))
	a.pull.Mount(e.Group("/pull"))

	g := e.Group("", a.enter, a.pull.Middleware())
	for _, path := range []string{"/", "/m", "/tasks/:id"} {
		g.GET(path, pull.Handler(a.page))
	}
	g.GET("/admin", pull.Handler(a.page), a.pull.Section(pull.AdminSection))
	g.POST("/tasks", pull.Handler(a.change))
	g.Match([]string{http.MethodPost, http.MethodDelete}, "/tasks/:id", pull.Handler(a.change))
	g.POST("/say", pull.Handler(say))
}

// An app is the shared list.
type app struct {
	pull  *pull.Plugin
	mu    sync.Mutex // held during a request
	tasks map[string]task
}

type task struct {
	ID    string `json:"id" param:"id"` // sorts by age
	Title string `json:"title" form:"title"`
	Done  bool   `json:"done" form:"done"`
}

// user is whoever has that name: a real application has its own login here.
func user(c echo.Context) (string, error) {
	if cookie, err := c.Cookie("name"); err == nil {
		return url.QueryUnescape(cookie.Value)
	}
	return "", nil // a guest
}

func nonce(c echo.Context) string { return c.Get("nonce").(string) }

// enter lets in who has a name, one request after the other. It stands around
// the plugin's middleware, so that events leave in the order of the changes.
func (a *app) enter(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		c.Set("nonce", rand.Text())
		c.Response().Header().Set(echo.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'self'; "+
			"connect-src 'self'; img-src 'self' data:; script-src 'nonce-"+nonce(c)+"'")
		name, err := user(c)
		if err != nil || name == "" {
			return c.Render(http.StatusUnauthorized, "login", map[string]any{"Request": c})
		}
		c.Set("user", name)
		return next(c)
	}
}

// page renders the template that is called like the route. Its client connects
// from the moment at which this request began, so that nothing is missed between.
// From then on the user hears what is sent to the page's address, for as long as
// the page says that it is still there.
func (a *app) page(c pull.Context) error {
	if err := c.Pull().Watch(c.Request().URL.Path); err != nil {
		return err
	}
	data := map[string]any{"Head": a.pull.Head(c), "Request": c, "Tasks": a.tasks}
	return c.Render(http.StatusOK, c.Path(), data)
}

// change keeps a task as a page has sent it, or deletes it, and lets everyone know;
// the admin page learns who it was. Both events leave together when the handler
// has succeeded.
func (a *app) change(c pull.Context) error {
	t := a.tasks[c.Param("id")]
	if t.ID == "" {
		t.ID = time.Now().Format("20060102-150405.000000")
	}
	if err := c.Bind(&t); err != nil {
		return err
	}
	command := map[string]string{http.MethodPost: "save", http.MethodDelete: "delete"}[c.Request().Method]
	by := map[string]any{"by": c.Get("user"), "task": t}
	err := errors.Join(
		c.Pull().Send(pull.Shared(), pull.Event{Module: "tasks", Command: command, Params: t}),
		c.Pull().Send(pull.Tag("/admin"), pull.Event{Module: "audit", Command: command, Params: by}))
	switch {
	case err != nil:
	case command == "delete":
		delete(a.tasks, t.ID)
	default:
		a.tasks[t.ID] = t
	}
	return err
}

// say sends a message to everyone, to a user, or to those who look at a page. If
// the handler fails afterwards, nobody hears of it.
func say(c pull.Context) error {
	at := c.FormValue("at")
	to := map[string]pull.Target{"everyone": pull.Shared(), "user": pull.User(at), "page": pull.Tag(at)}[c.FormValue("to")]
	params := map[string]any{"from": c.Get("user"), "to": c.FormValue("to"), "at": at, "text": c.FormValue("text")}
	err := c.Pull().Send(to, pull.Event{Module: "im", Command: "message", Params: params})
	if c.FormValue("fail") != "" {
		return echo.NewHTTPError(http.StatusConflict, "the handler failed after Send")
	}
	return err
}

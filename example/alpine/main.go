// A poll whose page is an Alpine component: the plugin's events are DOM events there.
package main

import (
	"context"
	"embed"
	"flag"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/echo-pull/pull"
)

//go:embed page.html static
var files embed.FS

const policy = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'"

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	file := flag.String("file", "alpine.json", "where the votes are kept")
	flag.Parse()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", *addr)
	check(err)
	p, err := pull.New(pull.Config{User: guest, Guests: true})
	check(err)
	check(p.Register(pull.Module{ID: "poll", Use: pull.PublicSection}))
	votes, err := open(*file)
	check(err)

	e := echo.New()
	e.HideBanner, e.HidePort, e.Listener = true, true, listener
	e.Renderer = &echo.TemplateRenderer{Template: template.Must(template.ParseFS(files, "page.html"))}
	e.Use(middleware.SecureWithConfig(middleware.SecureConfig{ContentSecurityPolicy: policy}), p.Middleware())
	p.Mount(e.Group("/pull"))
	e.StaticFS("/static", echo.MustSubFS(files, "static"))
	e.GET("/", func(c echo.Context) error { return c.Render(http.StatusOK, "page.html", p.Head(c)) })
	e.GET("/votes", func(c echo.Context) error { return c.JSON(http.StatusOK, votes.now()) })
	e.POST("/votes/:choice", pull.Handler(votes.vote))
	slog.Info("open http://" + listener.Addr().String())
	check(e.Start(""))
}

func check(err error) {
	if err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

// guest is the user of every request: this application has no logins.
func guest(echo.Context) (string, error) { return "", nil }

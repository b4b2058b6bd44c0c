// A list of tasks without a front-end framework: templ renders it, htmx sends the
// forms, and pull brings every change to every page.
package main

import (
	"context"
	"database/sql"
	"embed"
	"flag"
	"log/slog"
	"net"
	"os"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	_ "modernc.org/sqlite"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/sqlitebroker"
)

//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.1100 generate -f page.templ

//go:embed static
var files embed.FS

// The tables of the application are in the file of the log. So is the key that signs
// what pages may watch, so that they still may after a restart.
const schema = `
CREATE TABLE IF NOT EXISTS tasks (id INTEGER PRIMARY KEY, version INTEGER NOT NULL DEFAULT 1,
	title TEXT NOT NULL CHECK (title <> ''), done BOOLEAN NOT NULL);
CREATE TABLE IF NOT EXISTS secrets (id INTEGER PRIMARY KEY, secret BLOB NOT NULL DEFAULT (randomblob(32)));
INSERT OR IGNORE INTO secrets (id) VALUES (1)`

const policy = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'"

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	file := flag.String("db", "htmx.db", "SQLite file")
	flag.Parse()
	ctx := context.Background()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	check(err)
	db, err := sql.Open("sqlite", "file:"+*file+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	check(err)
	log, err := sqlitebroker.New(sqlitebroker.Config{DB: db, Create: true})
	check(err)
	_, err = db.ExecContext(ctx, schema)
	check(err)
	config := pull.Config{User: user, Guests: true, HTML: true, Broker: log}
	check(db.QueryRowContext(ctx, `SELECT secret FROM secrets`).Scan(&config.Secret))
	p, err := pull.New(config)
	check(err)
	check(p.Register(pull.Module{ID: "tasks", Use: pull.PublicSection}))

	e, a := echo.New(), &app{p, db}
	e.HideBanner, e.HidePort, e.Listener = true, true, listener
	e.Use(middleware.SecureWithConfig(middleware.SecureConfig{ContentSecurityPolicy: policy}), p.Middleware())
	p.Mount(e.Group("/pull"))
	e.StaticFS("/static", echo.MustSubFS(files, "static"))
	e.GET("/", a.page)
	e.GET("/summary", a.summary)
	e.GET("/as/:name", enter)
	e.POST("/tasks", pull.Handler(a.save))
	slog.Info("open http://" + listener.Addr().String() + " for htmx 2, /?htmx=4.0.1 for htmx 4")
	check(e.Start("")) // until the process is killed: nothing has to be saved
}

func check(err error) {
	if err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

// A guest book whose pages have no script but Datastar's: its client reads the stream
// of HTML.
package main

import (
	"context"
	"database/sql"
	"embed"
	"flag"
	"html/template"
	"log/slog"
	"net"
	"os"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	_ "modernc.org/sqlite"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/sqlitebroker"
)

//go:embed page.html
var files embed.FS

// The tables of the application are in the file of the log. So is the key that signs
// what pages may watch, so that they still may after a restart.
const schema = `
CREATE TABLE IF NOT EXISTS messages (id INTEGER PRIMARY KEY, text TEXT NOT NULL CHECK (text <> ''));
CREATE TABLE IF NOT EXISTS secrets (id INTEGER PRIMARY KEY, secret BLOB NOT NULL DEFAULT (randomblob(32)));
INSERT OR IGNORE INTO secrets (id) VALUES (1)`

const cdn = "https://cdn.jsdelivr.net/gh/starfederation/datastar@v1.0.2/bundles/datastar.js"

// Datastar evaluates the expressions in its attributes, which needs unsafe-eval.
const policy = "default-src 'none'; script-src 'self' 'unsafe-eval' https://cdn.jsdelivr.net; connect-src 'self'; " +
	"img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	file := flag.String("db", "datastar.db", "SQLite file with the messages and the log")
	script := flag.String("datastar", cdn, "file with Datastar that this program serves, or its CDN")
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
	var secret []byte
	check(db.QueryRowContext(ctx, `SELECT secret FROM secrets`).Scan(&secret))
	p, err := pull.New(pull.Config{User: guest, Guests: true, Broker: log, Secret: secret})
	check(err)

	e := echo.New()
	e.HideBanner, e.HidePort, e.Listener = true, true, listener
	e.Use(middleware.SecureWithConfig(middleware.SecureConfig{ContentSecurityPolicy: policy}), p.Middleware())
	p.Mount(e.Group("/pull"))
	routes(e, &book{p, db, template.Must(template.ParseFS(files, "page.html")), *script})
	slog.Info("open http://" + listener.Addr().String())
	check(e.Start("")) // until the process is killed: there is nothing to save
}

func check(err error) {
	if err != nil {
		slog.Error(err.Error())
		os.Exit(1)
	}
}

func routes(e *echo.Echo, b *book) {
	if b.script != cdn {
		e.File("/datastar.js", b.script)
		b.script = "/datastar.js"
	}
	e.Renderer = &echo.TemplateRenderer{Template: b.pages}
	e.GET("/", pull.Handler(b.page))
	e.GET("/list", b.list)
	e.POST("/messages", pull.Handler(b.write))
}

// guest is the user of every request: this application has no logins.
func guest(echo.Context) (string, error) { return "", nil }

package sqlitebroker_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/sqlitebroker"
)

// newApp is the application that is tested: POST /tasks/:id finishes a task and
// announces that in the same transaction.
func newApp(db *sql.DB, config pull.Config) (*echo.Echo, *pull.Plugin, error) {
	config.User = currentUser
	p, err := pull.New(config)
	if err != nil {
		return nil, nil, err
	}
	e := echo.New()
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))
	e.POST("/tasks/:id", pull.Handler(func(c pull.Context) error { return finish(c, db) }))
	return e, p, p.Register(pull.Module{ID: "tasks"})
}

// serveApp serves the application on a new database with the task 7.
func serveApp(t *testing.T) (*httptest.Server, *pull.Plugin) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "app.db")+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Exec(`CREATE TABLE tasks (id INTEGER PRIMARY KEY, done BOOLEAN); INSERT INTO tasks (id) VALUES (7)`); err != nil {
		t.Fatal(err)
	}
	log, err := sqlitebroker.New(sqlitebroker.Config{DB: db, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	e, p, err := newApp(db, pull.Config{Broker: log, OnError: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e)
	t.Cleanup(func() {
		server.Close() // the pages have ended with the test's context
		if err := p.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return server, p
}

// An event that must not arrive is tested with one behind it that must.
func TestRolledBackTransactionAnnouncesNothing(t *testing.T) {
	server, p := serveApp(t)
	if err := errors.Join(p.Watch().Add("ann", "TASK_7"), p.Watch().Add("ann", "TASK_8")); err != nil {
		t.Fatal(err)
	}
	page := openPage(t, server.URL+"/pull")

	missing, found := post(t, server.URL+"/tasks/8"), post(t, server.URL+"/tasks/7")

	if missing != http.StatusNotFound || found != http.StatusNoContent {
		t.Errorf("got %d and %d, want 404 and 204", missing, found)
	}
	if got := page.next(t, `"command":"done"`); !strings.Contains(got, `"params":{"id":"7"}`) {
		t.Errorf("the first event is %s, want that of task 7", got)
	}
}

// A stream is what a page receives by Server-Sent Events.
type stream struct{ lines *bufio.Scanner }

// openPage connects a page, and returns when it is live.
func openPage(t *testing.T, url string) *stream {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	page := &stream{bufio.NewScanner(response.Body)}
	page.next(t, `"hello"`)
	return page
}

// next returns the next line that contains a text.
func (s *stream) next(t *testing.T, text string) string {
	t.Helper()
	for s.lines.Scan() {
		if strings.Contains(s.lines.Text(), text) {
			return s.lines.Text()
		}
	}
	t.Fatalf("the stream ended without %s: %v", text, s.lines.Err())
	return ""
}

// post returns the status.
func post(t *testing.T, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

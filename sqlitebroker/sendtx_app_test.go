package sqlitebroker_test

import (
	"database/sql"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
	"github.com/echo-pull/pull/sqlitebroker"
)

// newApp is the application that is tested: POST /tasks/:id finishes a task and
// announces that in the same transaction.
func newApp(p *pull.Plugin, db *sql.DB) *echo.Echo {
	e := echo.New()
	e.Use(p.Middleware())
	e.POST("/tasks/:id", pull.Handler(func(c pull.Context) error { return finish(c, db) }))
	return e
}

// openDB returns a new database with the task 7, and the log in it.
func openDB(t *testing.T) (*sql.DB, *sqlitebroker.Broker) {
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
	return db, log
}

// finishTask returns the status, and what left.
func finishTask(t *testing.T, id string) (int, *pulltest.Messages) {
	t.Helper()
	db, log := openDB(t)
	p := pulltest.New(t, pull.Config{Broker: log, User: currentUser})
	e, w := newApp(p, db), httptest.NewRecorder()
	sent := pulltest.Sent(t, p, func() { e.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/tasks/"+id, nil)) })
	return w.Code, sent
}

func TestCommittedTransactionIsAnnounced(t *testing.T) {
	status, sent := finishTask(t, "7")

	if status != http.StatusNoContent {
		t.Errorf("got %d, want 204", status)
	}
	sent.Only(t, pull.Tag("TASK_7"), pull.Event{Module: "tasks", Command: "done", Params: map[string]string{"id": "7"}})
}

func TestRolledBackTransactionAnnouncesNothing(t *testing.T) {
	status, sent := finishTask(t, "8")

	if status != http.StatusNotFound {
		t.Errorf("got %d, want 404", status)
	}
	sent.None(t)
}

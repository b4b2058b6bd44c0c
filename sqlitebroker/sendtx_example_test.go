package sqlitebroker_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/sqlitebroker"
)

// finish finishes a task and announces that in the same transaction.
func finish(c pull.Context, db *sql.DB) error {
	tx, err := db.BeginTx(c.Request().Context(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // has no effect after Commit

	id := c.Param("id")
	result, err := tx.Exec(`UPDATE tasks SET done = true WHERE id = ?`, id)
	if err != nil {
		return err
	}
	event := pull.Event{Module: "tasks", Command: "done", Params: map[string]string{"id": id}}
	if err := c.Pull().SendTx(tx, pull.Tag("TASK_"+id), event); err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return echo.ErrNotFound // rolls back
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// The event of a transaction leaves if it is committed.
func ExampleBroker_sendTx() {
	db, end := exampleDB(`CREATE TABLE tasks (id INTEGER PRIMARY KEY, done BOOLEAN); INSERT INTO tasks (id) VALUES (7)`)
	defer end()
	log, err := sqlitebroker.New(sqlitebroker.Config{DB: db, Create: true})
	if err != nil {
		panic(err)
	}
	p, err := pull.New(pull.Config{Broker: log, User: currentUser})
	if err != nil {
		panic(err)
	}
	defer func() { _ = p.Shutdown(context.Background()) }()
	if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
		panic(err)
	}
	e := echo.New()
	e.Use(p.Middleware())
	e.POST("/tasks/:id", pull.Handler(func(c pull.Context) error { return finish(c, db) }))

	published := commands(log, 1)
	for _, path := range []string{"/tasks/8", "/tasks/7"} {
		response := httptest.NewRecorder()
		e.ServeHTTP(response, httptest.NewRequest(http.MethodPost, path, nil))
		fmt.Println(path, response.Code)
	}
	fmt.Println(<-published)
	// Output:
	// /tasks/8 404
	// /tasks/7 204
	// [{"id":"7"}]
}

// exampleDB returns a database that executes statements, and removes it.
func exampleDB(statements string) (db *sql.DB, end func()) {
	dir, err := os.MkdirTemp("", "pull")
	if err != nil {
		panic(err)
	}
	db, err = sql.Open("sqlite", "file:"+filepath.Join(dir, "app.db")+"?_txlock=immediate&_pragma=busy_timeout(5000)")
	if err == nil {
		_, err = db.Exec(statements)
	}
	if err != nil {
		panic(err)
	}
	return db, func() {
		_ = db.Close()
		_ = os.RemoveAll(dir)
	}
}

// commands returns the params of the next events tasks:done in the log.
func commands(log *sqlitebroker.Broker, count int) <-chan []string {
	all := make(chan []string, 1)
	go func() {
		var params []string
		ctx, cancel := context.WithCancel(context.Background())
		_ = log.Subscribe(ctx, time.Hour, func(_ string, _ uint64, message []byte) {
			if _, rest, found := strings.Cut(string(message), `",{`); found { // after the names of the event
				if params = append(params, "{"+strings.TrimSuffix(rest, "]")); len(params) == count {
					cancel()
				}
			}
		})
		all <- params
	}()
	return all
}

package pulltest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

// A task is what the application under test is about.
type task struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

// save is a handler under test. It needs no server.
func save(c pull.Context) error {
	saved := task{c.Param("id"), c.FormValue("title")}
	event := pull.Event{Module: "tasks", Command: "update", Params: saved}
	if err := c.Pull().Send(pull.Tag("TASK_"+saved.ID), event); err != nil {
		return err
	}
	if saved.Title == "" { // checked late, so that the event is discarded
		return echo.NewHTTPError(http.StatusUnprocessableEntity, "a task needs a title")
	}
	return c.NoContent(http.StatusNoContent)
}

// newApp is the application under test.
func newApp(p *pull.Plugin) *echo.Echo {
	e := echo.New()
	e.Use(p.Middleware())
	e.GET("/tasks/:id", pull.Handler(func(c pull.Context) error {
		if err := c.Pull().Watch("TASK_" + c.Param("id")); err != nil {
			return err
		}
		return c.String(http.StatusOK, c.Pull().Cursor())
	}))
	e.POST("/tasks/:id", pull.Handler(save))
	return e
}

// do is a request of a user. Headers are pairs.
func do(e *echo.Echo, user, method, path string, form url.Values, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", echo.MIMEApplicationForm)
	r.Header.Set(pulltest.HeaderUser, user)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

// titled is the form of a task.
func titled(title string) url.Values { return url.Values{"title": {title}} }

// updated is the event of a saved task.
func updated(id, title string) pull.Event {
	return pull.Event{Module: "tasks", Command: "update", Params: task{id, title}}
}

// send sends an event with a command outside a request.
func send(t testing.TB, p *pull.Plugin, to pull.Target, command string) {
	t.Helper()
	if err := p.Send(t.Context(), to, pull.Event{Module: "tasks", Command: command}); err != nil {
		t.Fatal(err)
	}
}

// A recorder is a test that keeps its failures.
type recorder struct {
	testing.TB

	mu       sync.Mutex // guards what follows
	failures []string
	cleanups []func()
}

func (*recorder) Helper()           {}
func (*recorder) Output() io.Writer { return io.Discard }

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.cleanups = append(r.cleanups, f)
}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// record runs a test and returns its failures.
func record(test func(t testing.TB)) string {
	r := new(recorder)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		test(r)
	}()
	<-ended
	for i := range r.cleanups {
		r.cleanups[len(r.cleanups)-1-i]()
	}
	return strings.Join(r.failures, "\n")
}

// TestMain fails if a goroutine is left.
func TestMain(m *testing.M) {
	code := m.Run()
	for end := time.Now().Add(5 * time.Second); code == 0; <-time.After(10 * time.Millisecond) {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		if !strings.Contains(string(stacks), "echo-pull/pull/internal") {
			break
		}
		if time.Now().After(end) {
			fmt.Fprintf(os.Stderr, "goroutines are left:\n\n%s\n", stacks)
			code = 1
		}
	}
	os.Exit(code)
}

var errOfTest = errors.New("no connection")

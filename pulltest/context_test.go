package pulltest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

// post returns a request with a form.
func post(form string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(form))
	r.Header.Set("Content-Type", echo.MIMEApplicationForm)
	return r
}

func TestHandlerIsCalledByTheTest(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		rec := httptest.NewRecorder()
		c := pulltest.Context(t, p, nil, post("title=Rest"), rec)
		var err error

		early := pulltest.Sent(t, p, func() { err = save(c) })
		sent := pulltest.Sent(t, p, func() { err = pulltest.End(c, err) })

		if err != nil || rec.Code != http.StatusNoContent {
			t.Errorf("got status %d and error %v, want 204 and none", rec.Code, err)
		}
		early.None(t)
		sent.Only(t, pull.Tag("TASK_"), updated("", "Rest"))
		if err := c.Pull().Send(pull.Shared(), updated("", "")); !errors.Is(err, pull.ErrTooLate) {
			t.Errorf("got %v after the end, want ErrTooLate", err)
		}
	})
}

func TestHandlerThatFailsIsCalledByTheTest(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		c := pulltest.Context(t, p, newApp(p), post(""), httptest.NewRecorder())
		var err error

		sent := pulltest.Sent(t, p, func() { err = pulltest.End(c, save(c)) })

		if err == nil {
			t.Error("got no error, want that of the handler")
		}
		sent.None(t)
	})
}

// The commit rule of the application holds.
func TestEndCommitsAsTheMiddlewareDoes(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{Commit: func(_ echo.Context, err error) bool { return errors.Is(err, errOfTest) }})
	c := pulltest.Context(t, p, nil, post(""), httptest.NewRecorder())

	sent := pulltest.Sent(t, p, func() {
		_ = c.Pull().Send(pull.Shared(), updated("1", "x"))
		_ = pulltest.End(c, errOfTest)
	})

	sent.Only(t, pull.Shared(), updated("1", "x"))
}

// The user of the request is that of Config.User, which sees what the test has set.
func TestContextHasAUser(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{User: func(c echo.Context) (string, error) {
		user, _ := c.Get("user").(string)
		return user, nil
	}})
	c := pulltest.Context(t, p, nil, post(""), httptest.NewRecorder())
	c.Set("user", "ann")

	err := c.Pull().Watch("t")

	if got := p.Watch().Users("t"); err != nil || len(got) != 1 || got[0] != "ann" {
		t.Errorf("got %v and %v, want that ann watches", got, err)
	}
}

func TestRequestThatIsNotEndedSendsNothing(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})

		sent := pulltest.Sent(t, p, func() {
			got := record(func(t testing.TB) {
				c := pulltest.Context(t, p, nil, post(""), httptest.NewRecorder())
				_ = c.Pull().Send(pull.Shared(), updated("1", "x"))
			})
			if got != "" {
				t.Errorf("got %q, want no failure", got)
			}
		})

		sent.None(t)
	})
}

func TestEndOfAnotherContextPanics(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	c := pulltest.Context(t, p, nil, post(""), httptest.NewRecorder())
	_ = pulltest.End(c, nil)
	for want, end := range map[string]func(){
		"pulltest: the request has ended before": func() { _ = pulltest.End(c, nil) },
		"pulltest: End needs a context of pulltest.Context": func() {
			_ = pull.Handler(func(c pull.Context) error { return pulltest.End(c, nil) })(echo.New().NewContext(post(""), httptest.NewRecorder()))
		},
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("got %v, want the panic %q", got, want)
				}
			}()
			end()
		}()
	}
}

// A handler of an old test, which knows no middleware, is told what to do.
func TestHandlerWithoutMiddlewareIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	c := echo.New().NewContext(post("title=Rest"), httptest.NewRecorder())

	err := pull.Handler(save)(c)

	if !errors.Is(err, pull.ErrNoOutbox) || !strings.Contains(err.Error(), "e.Use(p.Middleware())") || !strings.Contains(err.Error(), "pulltest.Context") {
		t.Errorf("got %v, want ErrNoOutbox with what to do", err)
	}
}

package pulltest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

// rename is a handler that an example tests.
func rename(c pull.Context) error {
	event := pull.Event{Module: "tasks", Command: "rename", Params: map[string]any{"title": c.QueryParam("title")}}
	return c.Pull().Send(pull.User("ann"), event)
}

func ExampleSent() {
	test := func(t testing.TB) { // in a test file: func TestRename(t *testing.T)
		p := pulltest.New(t, pull.Config{})
		e := echo.New()
		e.POST("/tasks/7", pull.Handler(rename), p.Middleware())

		sent := pulltest.Sent(t, p, func() {
			e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/tasks/7?title=Walk", nil))
		})

		sent.Only(t, pull.User("ann"), pull.Event{Module: "tasks", Command: "rename", Params: map[string]any{"title": "Rest"}})
	}

	fmt.Println(record(test)) // runs the test, and returns its failures
	// Output:
	// pulltest: what left is not what the test wants (- wanted, + left):
	//   - User("ann") tasks:rename {"title":"Rest"}
	//   + User("ann") tasks:rename {"title":"Walk"}
}

// A test calls a handler itself, and a page receives what it has sent.
func ExampleContext() {
	test := func(t testing.TB) { // in a test file: func TestRename(t *testing.T)
		p := pulltest.New(t, pull.Config{})
		page := pulltest.Open(t, p, "ann")
		r := httptest.NewRequest(http.MethodPost, "/?title=Rest", nil)
		c := pulltest.Context(t, p, nil, r, httptest.NewRecorder())

		if err := pulltest.End(c, rename(c)); err != nil {
			t.Errorf("got %v, want no error", err)
		}

		var got struct{ Title string }
		page.Expect(t, "tasks", "rename", &got)
		fmt.Println(got.Title)
	}

	fmt.Print(record(test))
	// Output: Rest
}

// A page that was away for too long is notified of a gap.
func ExampleLoseHistory() {
	test := func(t testing.TB) { // in a test file: func TestGap(t *testing.T)
		p := pulltest.New(t, pull.Config{})
		page := pulltest.Open(t, p, "ann")
		page.Drop()
		pulltest.LoseHistory(t, p)

		page.Return()

		page.ExpectGap(t)
		page.Expect(t, "tasks", "rename", nil) // nobody has sent one
	}

	fmt.Println(record(test))
	// Output: pulltest: the page of user "ann" has no tasks:rename. It has, and the test did not expect: nothing
}

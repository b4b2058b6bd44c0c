package pulltest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

func TestSavedTaskIsAnnounced(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	e := newApp(p)

	sent := pulltest.Sent(t, p, func() { do(e, "ann", http.MethodPost, "/tasks/7", titled("Rest")) })

	send(t, p, pull.Shared(), "later") // is not among them
	sent.Only(t, pull.Tag("TASK_7"), updated("7", "Rest"))
}

func TestFailedHandlerAnnouncesNothing(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	e := newApp(p)
	status := 0

	sent := pulltest.Sent(t, p, func() { status = do(e, "ann", http.MethodPost, "/tasks/7", nil).Code })

	if status != http.StatusUnprocessableEntity {
		t.Errorf("got status %d, want 422", status)
	}
	sent.None(t)
}

// Each way of sending is seen, in the order of the log.
func TestSentSeesEveryWayOfSending(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	e := echo.New()
	e.Use(p.Middleware())
	to := pull.User("42")
	e.POST("/", pull.Handler(func(c pull.Context) error {
		outbox := c.Pull()
		_ = outbox.Send(to, pull.Event{Module: "m", Command: "flushed"})
		if err := outbox.Flush(c.Request().Context()); err != nil {
			return err
		}
		_ = outbox.Send(to, pull.Event{Module: "m", Command: "replaced", Key: "k"})
		_ = outbox.Send(to, pull.Event{Module: "m", Command: "last", Key: "k"})
		send(t, p, to, "outside")
		return c.NoContent(http.StatusNoContent)
	}))

	sent := pulltest.Sent(t, p, func() { do(e, "ann", http.MethodPost, "/", nil) })
	after := pulltest.Sent(t, p, func() {})

	var got []string
	for _, event := range sent.Events() {
		got = append(got, event.Command)
	}
	if want := "flushed outside last"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	after.None(t)
}

func TestSentWaitsForItsGoroutines(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})

	sent := pulltest.Sent(t, p, func() {
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { send(t, p, pull.Shared(), "x") })
		}
		all.Wait()
	})

	if got := len(sent.Events()); got != 100 {
		t.Errorf("got %d events, want 100", got)
	}
}

func TestPluginsAreApart(t *testing.T) {
	t.Parallel()
	p, other := pulltest.New(t, pull.Config{}), pulltest.New(t, pull.Config{})

	sent := pulltest.Sent(t, p, func() { send(t, other, pull.Shared(), "x") })

	sent.None(t)
}

// What a test does not want is not compared.
func TestOptionsAreComparedIfTheyAreSet(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{Pusher: nobody{}})
	e := echo.New()
	e.Use(p.Middleware())
	push := &pull.Push{Title: "Rest", URL: "/tasks/7"}
	e.POST("/", pull.Handler(func(c pull.Context) error {
		return c.Pull().Send(pull.User("42"), pull.Event{
			Module: "Tasks", Command: "x", Key: "k", Keep: pull.Last, TTL: time.Minute, ExceptSender: true, Secret: true, Push: push,
		})
	}))
	sent := pulltest.Sent(t, p, func() { do(e, "ann", http.MethodPost, "/", nil) })
	tests := map[string]struct {
		change func(*pull.Event)
		want   string // a part of the failure; empty for none
	}{
		"nothing":      {func(*pull.Event) {}, ""},
		"key":          {func(e *pull.Event) { e.Key = "k" }, ""},
		"other key":    {func(e *pull.Event) { e.Key = "l" }, `+ User("42") tasks:x Key: "k" {}`},
		"keep":         {func(e *pull.Event) { e.Keep = pull.Last }, ""},
		"ttl":          {func(e *pull.Event) { e.TTL = time.Minute }, ""},
		"other ttl":    {func(e *pull.Event) { e.TTL = time.Hour }, `- User("42") tasks:x TTL: 1h0m0s {}`},
		"except":       {func(e *pull.Event) { e.ExceptSender = true }, ""},
		"secret":       {func(e *pull.Event) { e.Secret = true }, ""},
		"push":         {func(e *pull.Event) { e.Push = push }, ""},
		"other push":   {func(e *pull.Event) { e.Push = &pull.Push{Title: "Walk", URL: "/tasks/7"} }, `-   {"title":"Walk","url":"/tasks/7"}`},
		"other name":   {func(e *pull.Event) { e.Command = "y" }, `- User("42") tasks:y {}`},
		"other params": {func(e *pull.Event) { e.Params = []int{1} }, `- User("42") tasks:x [1]`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want := pull.Event{Module: "tasks", Command: "x"}
			test.change(&want)

			got := record(func(t testing.TB) { sent.Only(t, pull.User("42"), want) })

			if !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestMissingKeepIsSeen(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	e := echo.New()
	e.Use(p.Middleware())
	e.POST("/", pull.Handler(func(c pull.Context) error {
		return c.Pull().Send(pull.User("42"), pull.Event{Module: "tasks", Command: "x", Key: "k"})
	}))
	sent := pulltest.Sent(t, p, func() { do(e, "ann", http.MethodPost, "/", nil) })

	got := record(func(t testing.TB) {
		sent.Only(t, pull.User("42"), pull.Event{Module: "tasks", Command: "x", Key: "k", Keep: pull.Last})
	})

	if want := `- User("42") tasks:x Key: "k" Keep: Last {}`; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What single users get, and what goes into extra, is compared like params.
func TestPerUserAndExtraAreCompared(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	event := func() pull.Event {
		return pull.Event{
			Module: "tasks", Command: "x", Params: map[string]any{"n": 1},
			PerUser: map[string]any{"ann": map[string]any{"mine": true}}, Extra: map[string]any{"by": "bob"},
		}
	}
	sent := pulltest.Sent(t, p, func() {
		if err := p.Send(t.Context(), pull.Shared(), event()); err != nil {
			t.Error(err)
		}
	})

	for name, test := range map[string]struct {
		change func(*pull.Event)
		want   string // a part of the failure; empty for none
	}{
		"nothing":       {func(*pull.Event) {}, ""},
		"other params":  {func(e *pull.Event) { e.PerUser["ann"] = struct{ Mine bool }{true} }, `+   {"ann":{"mine":true}}`},
		"another user":  {func(e *pull.Event) { e.PerUser["bob"] = e.PerUser["ann"] }, `+   {"ann":{"mine":true}}`},
		"no user":       {func(e *pull.Event) { e.PerUser = nil }, "+   PerUser:"},
		"another extra": {func(e *pull.Event) { e.Extra["by"] = "ann" }, `+   {"by":"bob"}`},
		"no extra":      {func(e *pull.Event) { e.Extra = nil }, "+   Extra:"},
	} {
		t.Run(name, func(t *testing.T) {
			want := event()
			test.change(&want)

			got := record(func(t testing.TB) { sent.Only(t, pull.Shared(), want) })

			if !strings.Contains(got, test.want) || (got == "") != (test.want == "") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	sent.Only(t, pull.Shared(), sent.Events()...)
}

// A page gets what is its user's alone, merged into the params.
func TestPageExpectsMergedParams(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	ann, bob := pulltest.Open(t, p, "ann"), pulltest.Open(t, p, "bob")
	ann.Drop()
	send := func(n int) {
		err := p.Send(t.Context(), pull.Shared(), pull.Event{
			Module: "tasks", Command: "Nr. 1: \"ready\"?", Params: map[string]any{"n": n, "mine": 0},
			PerUser: map[string]any{"ann": map[string]any{"mine": n}}, Extra: map[string]any{"by": "bob"},
		})
		if err != nil {
			t.Fatal(err)
		}
	}

	send(1)
	ann.Return()
	send(2)

	for n := 1; n <= 2; n++ {
		var own, other struct{ N, Mine int }
		ann.Expect(t, "tasks", "Nr. 1: \"ready\"?", &own)
		bob.Expect(t, "tasks", "Nr. 1: \"ready\"?", &other)
		if own.N != n || own.Mine != n || other.N != n || other.Mine != 0 {
			t.Errorf("got %+v and %+v, want those of event %d", own, other, n)
		}
	}
}

// nobody is a Pusher that notifies nobody.
type nobody struct{}

func (nobody) Push(context.Context, string, *pull.Notification) error { return nil }

func TestParamsAreComparedAsJSON(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	sent := pulltest.Sent(t, p, func() {
		params := map[string]any{"b": 12345678901234567, "a": "<>", "c": nil}
		if err := p.Send(t.Context(), pull.Shared(), pull.Event{Module: "m", Command: "c", Params: params}); err != nil {
			t.Error(err)
		}
	})

	for _, params := range []any{
		json.RawMessage(` {"a": "<>", "c": null, "b": 12345678901234567} `),
		struct {
			A string `json:"a"`
			B int    `json:"b"`
			C *int   `json:"c"`
		}{"<>", 12345678901234567, nil},
	} {
		sent.Only(t, pull.Shared(), pull.Event{Module: "m", Command: "c", Params: params})
	}
	rounded := json.RawMessage(`{"a": "<>", "c": null, "b": 12345678901234568}`)
	if got := record(func(t testing.TB) {
		sent.Only(t, pull.Shared(), pull.Event{Module: "m", Command: "c", Params: rounded})
	}); got == "" {
		t.Error("another number is the same, want a failure")
	}
	if got := record(func(t testing.TB) { sent.Only(t, pull.Shared(), pull.Event{Module: "m", Command: "c", Params: t.Name}) }); !strings.Contains(got, "the params of m:c") {
		t.Errorf("got %q, want that the params are none", got)
	}
}

func TestTargetsAreSets(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	sent := pulltest.Sent(t, p, func() {
		send(t, p, pull.User("2", "1", "2").Or(pull.Tag("t")), "a")
		send(t, p, pull.Tag("t").Except("1").Or(pull.User("3")), "b")
		send(t, p, pull.Target{}, "nobody")
	})

	sent.To(pull.Tag("t").Or(pull.User("1", "2"))).Only(t, pull.User("1", "2").Or(pull.Tag("t")), pull.Event{Module: "tasks", Command: "a"})
	sent.To(pull.User("3").Or(pull.Tag("t").Except("1"))).Only(t, pull.User("3").Or(pull.Tag("t").Except("1")), pull.Event{Module: "tasks", Command: "b"})
	sent.To(pull.Tag("t")).None(t)
	if got := len(sent.All()); got != 2 {
		t.Errorf("got %d messages, want 2", got)
	}
}

// A failure shows all that left beside what was wanted.
func TestFailureIsADiff(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	e := newApp(p)
	long := strings.Repeat("x", 70)
	sent := pulltest.Sent(t, p, func() {
		do(e, "ann", http.MethodPost, "/tasks/7", titled("Rest"))
		do(e, "ann", http.MethodPost, "/tasks/8", titled("Walk"))
		do(e, "ann", http.MethodPost, "/tasks/9", titled(long))
	})

	got := record(func(t testing.TB) {
		sent.Exactly(t,
			pulltest.Message{Target: pull.Tag("TASK_7"), Event: updated("7", "Rest")},
			pulltest.Message{Target: pull.Tag("TASK_9"), Event: updated("9", long+"y")},
			pulltest.Message{Target: pull.Shared(), Event: pull.Event{Module: "tasks", Command: "all"}})
	})

	want := `pulltest: what left is not what the test wants (- wanted, + left):
    Tag("TASK_7") tasks:update {"id":"7","title":"Rest"}
  + Tag("TASK_8") tasks:update {"id":"8","title":"Walk"}
    Tag("TASK_9") tasks:update
      {
        "id": "9",
  -     "title": "` + long + `y"
  +     "title": "` + long + `"
      }
  - Shared() tasks:all {}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	none := record(func(t testing.TB) { sent.To(pull.Tag("TASK_8")).None(t) })
	if want := "what left to Tag(\"TASK_8\") is not what the test wants (- wanted, + left):\n  + Tag(\"TASK_8\") tasks:update {\"id\":\"8\",\"title\":\"Walk\"}"; !strings.HasSuffix(none, want) {
		t.Errorf("got\n%s\nwant\n%s", none, want)
	}
}

func TestSentWorksInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		e := newApp(p)

		sent := pulltest.Sent(t, p, func() { do(e, "ann", http.MethodPost, "/tasks/7", url.Values{"title": {"Rest"}}) })

		sent.Only(t, pull.Tag("TASK_7"), updated("7", "Rest"))
	})
}

// A test that ends within the function leaves nothing behind.
func TestSentEndsWithItsFunction(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})

	got := record(func(t testing.TB) { pulltest.Sent(t, p, func() { t.Fatalf("enough") }) })

	if got != "enough" {
		t.Errorf("got %q, want the failure of the function", got)
	}
	pulltest.Sent(t, p, func() { send(t, p, pull.Shared(), "x") }).Only(t, pull.Shared(), pull.Event{Module: "tasks", Command: "x"})
}

package pull_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// An event is collected while the handler runs, and published after the handler
// has succeeded. The first request fails, so its event is discarded.
func ExampleHandler() {
	s := newDemo(pull.Config{})
	defer s.close()
	s.echo.POST("/tasks/:id", pull.Handler(func(c pull.Context) error {
		task := map[string]string{"id": c.Param("id"), "title": c.FormValue("title")}
		event := pull.Event{Module: "tasks", Command: "update", Params: task}
		if err := c.Pull().Send(pull.User("ann"), event); err != nil {
			return err
		}
		if task["title"] == "" {
			return echo.NewHTTPError(http.StatusUnprocessableEntity, "a task needs a title")
		}
		return c.JSON(http.StatusOK, task)
	}))
	ann := s.open("ann")

	s.post("/tasks/6?title=")
	s.post("/tasks/7?title=Write+it+down")

	fmt.Println(ann.hears())
	// Output: tasks/update {"id":"7","title":"Write it down"}
}

// A service needs only a context, and does not depend on Echo.
func ExampleFrom() {
	rename := func(ctx context.Context, id, title string) error {
		// Here the task is stored.
		return pull.From(ctx).Send(pull.User("ann"), pull.Event{
			Module: "tasks", Command: "rename", Params: map[string]string{"id": id, "title": title},
		})
	}
	s := newDemo(pull.Config{})
	defer s.close()
	s.echo.POST("/tasks/:id/rename", func(c echo.Context) error {
		if err := rename(c.Request().Context(), c.Param("id"), c.FormValue("title")); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	ann := s.open("ann")

	s.post("/tasks/7/rename?title=Rest")

	fmt.Println(ann.hears())
	fmt.Println(errors.Is(rename(context.Background(), "7", "Rest"), pull.ErrNoOutbox)) // outside of a request
	// Output:
	// tasks/rename {"id":"7","title":"Rest"}
	// true
}

// A union reaches each user once. Except excludes users from everything before
// it.
func ExampleTarget() {
	s := newDemo(pull.Config{})
	defer s.close()
	ctx := context.Background()
	for _, user := range []string{"ann", "bob"} {
		if err := s.plugin.Watch().Add(user, "TASK_7"); err != nil {
			fmt.Println(err)
		}
	}
	pages := []*browser{s.open("ann"), s.open("bob"), s.open("eve")}

	for command, target := range map[string]pull.Target{
		"watchers": pull.Tag("TASK_7"),
		"union":    pull.Tag("TASK_7").Or(pull.User("ann", "eve")),
		"others":   pull.Shared().Except("ann"),
		"both":     pull.Tag("TASK_7").Except("ann").Or(pull.User("eve")),
	} {
		if err := s.plugin.Send(ctx, target, pull.Event{Module: "tasks", Command: command}); err != nil {
			fmt.Println(err)
		}
	}
	_ = s.plugin.Send(ctx, pull.Shared(), pull.Event{Module: "tasks", Command: "end"})

	for _, page := range pages {
		fmt.Println(page.user, page.hearsUntil("end"))
	}
	// Output:
	// ann map[union:1 watchers:1]
	// bob map[both:1 others:1 union:1 watchers:1]
	// eve map[both:1 others:1 union:1]
}

// Server code grants a watch. The page can only extend it.
func ExamplePlugin_Watch() {
	s := newDemo(pull.Config{})
	defer s.close()
	watch := s.plugin.Watch()

	if err := watch.Add("ann", "TASK_7"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(watch.Users("TASK_7"))
	fmt.Println(watch.Extend("ann", "TASK_7", "TASK_8"))

	if err := watch.Delete("ann"); err != nil { // all of them
		fmt.Println(err)
	}
	fmt.Println(watch.Users("TASK_7"))
	// Output:
	// [ann]
	// map[TASK_7:true TASK_8:false]
	// []
}

// A page rendered for a watcher misses nothing: the watch counts from the
// cursor with which the page connects.
func ExampleOutbox_watch() {
	s := newDemo(pull.Config{})
	defer s.close()
	s.echo.GET("/tasks/:id", pull.Handler(func(c pull.Context) error {
		if err := c.Pull().Watch("TASK_" + c.Param("id")); err != nil {
			return err
		}
		return c.String(http.StatusOK, c.Pull().Cursor()) // as Plugin.Head does in a page
	}))

	cursor := s.get("/tasks/7", "ann")
	_ = s.plugin.Send(context.Background(), pull.Tag("TASK_7"), pull.Event{Module: "tasks", Command: "done"})
	ann := s.openAt("ann", cursor)

	fmt.Println(ann.hears())
	// Output: tasks/done {}
}

// A single-page application gets its cursor with any response, and misses
// nothing that is sent to it afterwards.
func ExampleOutbox_cursor() {
	s := newDemo(pull.Config{})
	defer s.close()
	tasks, api := []string{"Write it down"}, s.echo.Group("/api")
	api.GET("/tasks", pull.Handler(func(c pull.Context) error {
		c.Response().Header().Set("Pull-Cursor", c.Pull().Cursor())
		return c.JSON(http.StatusOK, tasks)
	}))

	response := s.do(http.MethodGet, "/api/tasks", "ann", "")
	defer func() { _ = response.Body.Close() }()
	_ = s.plugin.Send(context.Background(), pull.User("ann"), pull.Event{Module: "tasks", Command: "update"})
	ann := s.openAt("ann", response.Header.Get("Pull-Cursor"))

	fmt.Println(ann.hears())
	// Output: tasks/update {}
}

// A user is online while a page is open, and for Config.PresenceGrace after the
// last page has closed.
func ExamplePlugin_Presence() {
	s := newDemo(pull.Config{PresenceGrace: -1})
	defer s.close()
	s.open("ann")
	s.open("bob")

	fmt.Println(s.plugin.Presence().Users())
	fmt.Println(s.plugin.Presence().Online("ann", "eve"))
	_, seen := s.plugin.Presence().LastSeen("eve")
	fmt.Println(seen)
	// Output:
	// [ann bob]
	// map[ann:true eve:false]
	// false
}

// Outside a request there is no epilogue: Send returns when the log has the
// event.
func ExamplePlugin_Send() {
	s := newDemo(pull.Config{})
	defer s.close()
	ann := s.open("ann")

	remind := func(ctx context.Context) error { // run by a scheduler
		return s.plugin.Send(ctx, pull.User("ann"), pull.Event{
			Module: "tasks", Command: "due", Params: map[string]int{"id": 7}, TTL: 10 * time.Minute,
		})
	}

	fmt.Println(remind(context.Background()))
	fmt.Println(ann.hears())
	fmt.Println(s.plugin.Send(context.Background(), pull.User("ann"), pull.Event{Module: "mail", Command: "new"}))
	// Output:
	// <nil>
	// tasks/due {"id":7}
	// pull: unknown module "mail": register it with Plugin.Register
}

// An application that opens a transaction for each request can make the
// transaction's outcome decide.
func ExampleConfig_commit() {
	s := newDemo(pull.Config{Commit: func(c echo.Context, err error) bool {
		return err == nil && c.Get("committed") == true
	}})
	defer s.close()
	s.echo.POST("/tasks/:id", pull.Handler(func(c pull.Context) error {
		c.Set("committed", c.Param("id") == "7") // by the middleware that ends the transaction
		event := pull.Event{Module: "tasks", Command: "saved_" + c.Param("id")}
		if err := c.Pull().Send(pull.Shared(), event); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}))
	ann := s.open("ann")

	s.post("/tasks/6")
	s.post("/tasks/7")

	fmt.Println(ann.hears())
	// Output: tasks/saved_7 {}
}

// A demo is the application around the examples: a plugin with a module, a server,
// and users who authenticate themselves by name.
type demo struct {
	plugin *pull.Plugin
	echo   *echo.Echo
	url    string
	client http.Client
	server *server
	bodies []io.Closer
}

func newDemo(config pull.Config) *demo {
	config.User = func(c echo.Context) (string, error) { return c.Request().Header.Get("X-User"), nil }
	p, err := pull.New(config)
	if err != nil {
		panic(err)
	}
	if err := p.Register(pull.Module{ID: "tasks", Use: pull.PublicSection}); err != nil {
		panic(err)
	}
	e := newEcho()
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	s := &demo{plugin: p, echo: e, url: "http://" + listener.Addr().String(), server: serve(e, listener)}
	s.client.Transport = &http.Transport{DisableKeepAlives: true}
	return s
}

func (s *demo) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = errors.Join(s.server.shutdown(ctx), s.plugin.Shutdown(ctx))
	for _, body := range s.bodies {
		_ = body.Close()
	}
}

func (s *demo) do(method, path, user, accept string) *http.Response {
	r, err := http.NewRequestWithContext(context.Background(), method, s.url+path, nil)
	if err != nil {
		panic(err)
	}
	r.Header.Set("X-User", user)
	r.Header.Set("Accept", accept)
	response, err := s.client.Do(r)
	if err != nil {
		panic(err)
	}
	return response
}

func (s *demo) post(path string) { _ = s.do(http.MethodPost, path, "", "").Body.Close() }

func (s *demo) get(path, user string) string {
	response := s.do(http.MethodGet, path, user, "")
	defer func() { _ = response.Body.Close() }()
	line, _ := bufio.NewReader(response.Body).ReadString('\n')
	return line
}

// A browser is a page that receives Server-Sent Events.
type browser struct {
	user    string
	lines   *bufio.Scanner
	waiting []string
}

func (s *demo) open(user string) *browser { return s.openAt(user, "") }

// openAt returns once the page is live.
func (s *demo) openAt(user, cursor string) *browser {
	response := s.do(http.MethodGet, "/pull?cursor="+cursor, user, "text/event-stream")
	s.bodies = append(s.bodies, response.Body)
	b := &browser{user: user, lines: bufio.NewScanner(response.Body)}
	b.next()
	return b
}

// hears returns the next event.
func (b *browser) hears() string {
	for len(b.waiting) == 0 {
		b.next()
	}
	first := b.waiting[0]
	b.waiting = b.waiting[1:]
	return first
}

// hearsUntil counts commands until the last one arrives.
func (b *browser) hearsUntil(last string) map[string]int {
	count := make(map[string]int)
	for {
		name, _, _ := strings.Cut(b.hears(), " ")
		command := strings.TrimPrefix(name, "tasks/")
		if command == last {
			return count
		}
		count[command]++
	}
}

// next reads a frame and keeps the application's messages.
func (b *browser) next() {
	kind := ""
	for b.lines.Scan() {
		field, value, _ := strings.Cut(b.lines.Text(), ": ")
		switch {
		case field == "event":
			kind = value
		case field == "data" && kind == "close":
			b.waiting = append(b.waiting, "close "+value)
			return
		case field == "data":
			b.keep(value)
			return
		}
	}
	panic("the stream has ended")
}

func (b *browser) keep(frame string) {
	var messages []struct {
		ID      int             `json:"id"`
		Module  string          `json:"module_id"`
		Command string          `json:"command"`
		Params  json.RawMessage `json:"params"`
	}
	if err := json.Unmarshal([]byte(frame), &messages); err != nil {
		panic(err)
	}
	for _, m := range messages {
		if m.ID > 0 {
			b.waiting = append(b.waiting, fmt.Sprintf("%s/%s %s", m.Module, m.Command, m.Params))
		}
	}
}

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	echo4 "github.com/labstack/echo/v4"
	echo5 "github.com/labstack/echo/v5"

	pull4 "github.com/echo-pull/pull"
	pull5 "github.com/echo-pull/pull/v5"
)

// An application that moves from Echo v4 to v5 step by step has both plugins and
// one log: each side reaches the pages of the other, and a page may change sides.
func TestBothEchosShareALog(t *testing.T) {
	user4 := func(c echo4.Context) (string, error) { return c.QueryParam("user"), nil }
	user5 := func(c *echo5.Context) (string, error) { return c.QueryParam("user"), nil }
	silent := slog.New(slog.DiscardHandler)
	log := new(pull4.Memory)
	p4, err := pull4.New(pull4.Config{Broker: log, User: user4, Logger: silent})
	if err != nil {
		t.Fatal(err)
	}
	p5, err := pull5.New(pull5.Config{Broker: log, User: user5, Logger: silent})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{p4.Register(pull4.Module{ID: "test"}), p5.Register(pull5.Module{ID: "test"})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	e4, e5 := echo4.New(), echo5.New()
	e4.Use(p4.Middleware())
	e5.Use(p5.Middleware())
	p4.Mount(e4.Group("/pull"))
	p5.Mount(e5.Group("/pull"))
	e4.GET("/say", pull4.Handler(func(c pull4.Context) error {
		if c.QueryParam("watch") != "" {
			return c.Pull().Watch("TASK_7")
		}
		return c.Pull().Send(pull4.Tag("TASK_7"), pull4.Event{Module: "test", Command: "from4"})
	}))
	e5.GET("/say", pull5.Handler(func(c *pull5.Context) error {
		return c.Pull().Send(pull5.Tag("TASK_7"), pull5.Event{Module: "test", Command: "from5"})
	}))
	e5.GET("/cursor", pull5.Handler(func(c *pull5.Context) error { return c.String(http.StatusOK, c.Pull().Cursor()) }))
	s4, s5 := httptest.NewServer(e4), httptest.NewServer(e5)
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(p4.Shutdown(ctx), p5.Shutdown(ctx)); err != nil { // first: Close of a test server waits for its streams
			t.Error(err)
		}
		s4.Close()
		s5.Close()
	}()

	get(t, s4.URL+"/say?user=ann&watch=yes") // granted by v4 …
	at := get(t, s5.URL+"/cursor?user=ann")
	page4 := follow(t, s4.URL+"/pull?user=ann")
	page4.next(t, "hello")
	eventually(t, "v5 knows who is online with v4", func() bool { return p5.Presence().Online("ann")["ann"] })
	page5 := follow(t, s5.URL+"/pull?user=ann")
	page5.next(t, "hello")
	get(t, s4.URL+"/say?user=bob")
	for _, page := range []*follower{page4, page5} { // … and known to v5
		page.next(t, "from4")
	}
	get(t, s5.URL+"/say?user=bob")
	for _, page := range []*follower{page4, page5} {
		page.next(t, "from5")
	}

	moved := follow(t, s4.URL+"/pull?user=ann&cursor="+at) // rendered by v5, connects to v4
	moved.next(t, "hello", "from4", "from5")
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := bufio.NewReader(response.Body).ReadString('\n')
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", url, response.Status)
	}
	return body
}

// A follower reads a stream of Server-Sent Events.
type follower struct {
	lines    *bufio.Scanner
	commands []string
}

func follow(t *testing.T, url string) *follower {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return &follower{lines: bufio.NewScanner(response.Body)}
}

// next compares the next commands, ignoring ticks.
func (f *follower) next(t *testing.T, want ...string) {
	t.Helper()
	for _, command := range want {
		for len(f.commands) == 0 && f.lines.Scan() {
			var messages []struct {
				Command string `json:"command"`
			}
			data, ok := strings.CutPrefix(f.lines.Text(), "data: ")
			if ok && json.Unmarshal([]byte(data), &messages) == nil {
				for _, m := range messages {
					if m.Command != "tick" {
						f.commands = append(f.commands, m.Command)
					}
				}
			}
		}
		if len(f.commands) == 0 || f.commands[0] != command {
			t.Fatalf("got %v, want %s", f.commands, command)
		}
		f.commands = f.commands[1:]
	}
}

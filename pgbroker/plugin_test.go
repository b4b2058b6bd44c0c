package pgbroker_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// node starts an application of the cluster.
func node(t *testing.T, b pull.Broker, onError func(error)) (*pull.Plugin, string) {
	t.Helper()
	p, err := pull.New(pull.Config{
		User:    func(c echo.Context) (string, error) { return c.QueryParam("user"), nil },
		Broker:  b,
		OnError: onError,
		Logger:  slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.Use(p.Middleware())
	p.Mount(e.Group("/pull"))
	e.POST("/tasks", pull.Handler(func(c pull.Context) error {
		event := pull.Event{Module: "tasks", Command: "update", Params: map[string]string{"title": c.QueryParam("title")}}
		if err := c.Pull().Send(pull.User("7"), event); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}))
	server := httptest.NewServer(e)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := p.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return p, server.URL
}

// page opens a page of user 7 and returns what it gets.
func page(t *testing.T, url string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/pull?user=7&client=page-1", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "text/event-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(response.Body); scanner.Scan(); {
			if data, found := strings.CutPrefix(scanner.Text(), "data:"); found {
				lines <- data
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		for range lines { // until the reader has ended
		}
		_ = response.Body.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return lines
}

func gets(t *testing.T, lines <-chan string, text string) {
	t.Helper()
	var got []string
	end := time.After(20 * time.Second)
	for {
		select {
		case line, open := <-lines:
			got = append(got, line)
			if strings.Contains(line, text) {
				return
			}
			if !open {
				t.Fatalf("the stream ended after %q, want %q", got, text)
			}
		case <-end:
			t.Fatalf("got %q, want %q", got, text)
		}
	}
}

func post(t *testing.T, url string) {
	t.Helper()
	response, err := http.Post(url, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		t.Fatalf("got status %d", response.StatusCode)
	}
}

func logs(t *testing.T) func(error) {
	t.Helper()
	return func(err error) { t.Log(err) }
}

// An event that a handler on one node sends reaches the page at another, also
// across an outage of the server, and the page is told when the log was lost.
func TestEventReachesThePageAtAnotherNode(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	_, first := node(t, newBroker(t, s, "pull_"), logs(t))
	_, second := node(t, newBroker(t, s, "pull_"), logs(t))
	lines := page(t, second)
	gets(t, lines, `"command":"hello"`)

	post(t, first+"/tasks?title=one")
	gets(t, lines, `"title":"one"`)

	s.kill(t)
	post(t, first+"/tasks?title=two")
	s.start(t)
	gets(t, lines, `"title":"two"`)

	s.exec(t, "TRUNCATE pull_log")
	post(t, first+"/tasks?title=three")
	gets(t, lines, `"recovered":false`)
	post(t, first+"/tasks?title=four")
	gets(t, lines, `"title":"four"`)
}

// Events that handlers send while the server restarts wait, and arrive once and
// in order. Each node reports the outage once.
func TestRestartUnderLoadLosesNoEvent(t *testing.T) {
	t.Parallel()
	const events, outage = 300, 100
	s := newServer(t)
	var told record
	report := func(err error) { _, _ = fmt.Fprintln(&told, err) }
	_, first := node(t, newBroker(t, s, "pull_"), report)
	_, second := node(t, newBroker(t, s, "pull_"), report)
	lines := page(t, second)
	gets(t, lines, `"command":"hello"`)

	for n := range events {
		switch n {
		case outage:
			s.kill(t)
		case 2 * outage:
			s.start(t)
		}
		post(t, first+"/tasks?title="+strconv.Itoa(n))
	}

	for n, got := range titles(t, lines, events) {
		if got != strconv.Itoa(n) {
			t.Fatalf("got event %s, want %d", got, n)
		}
	}
	for text, most := range map[string]int{"pull: publish: ": 2, "pull: subscription: ": 2, "log broke": 0} {
		if n := told.count(text); n > most {
			t.Errorf("the nodes reported %q %d times, want at most %d:\n%s", text, n, most, told.out.String())
		}
	}
}

// titles waits for so many events and returns their titles. A frame may have
// several.
func titles(t *testing.T, lines <-chan string, count int) []string {
	t.Helper()
	var all []string
	for end := time.After(30 * time.Second); len(all) < count; {
		select {
		case line, open := <-lines:
			if !open {
				t.Fatalf("the stream ended after %q", all)
			}
			for _, part := range strings.Split(line, `"title":"`)[1:] {
				title, _, _ := strings.Cut(part, `"`)
				all = append(all, title)
			}
		case <-end:
			t.Fatalf("got %d events %q, want %d", len(all), all, count)
		}
	}
	return all
}

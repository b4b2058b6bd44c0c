package pull_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4/middleware"

	"github.com/echo-pull/pull"
)

// A stream is a page that uses Server-Sent Events.
type stream struct {
	*http.Response
	lines *bufio.Reader
	close context.CancelFunc
}

func (a *app) stream(t *testing.T, user, query string, headers ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://app.test/pull"+speaking(query), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set(userHeader, user)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := a.client.Do(r)
	if err != nil {
		t.Fatalf("stream: %v", err)
	}
	return &stream{response, bufio.NewReader(response.Body), func() {
		cancel()
		_ = response.Body.Close()
		synctest.Wait()
	}}
}

// block returns the lines up to the next empty line.
func (s *stream) block(t *testing.T) string {
	t.Helper()
	var block strings.Builder
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("got %q and then %v, want a block", block.String(), err)
		}
		if line == "\n" {
			return block.String()
		}
		block.WriteString(line)
	}
}

// next returns the id and the messages of the next event with data.
func (s *stream) next(t *testing.T) (id string, messages []message) {
	t.Helper()
	for {
		var data string
		for line := range strings.Lines(s.block(t)) {
			field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			switch field {
			case "id":
				id = value
			case "data":
				data = value
			}
		}
		if data == "" {
			continue
		}
		if err := json.Unmarshal([]byte(data), &messages); err != nil {
			t.Fatalf("data %s: %v", data, err)
		}
		return id, messages
	}
}

// event returns the next message of the application and the id of its frame.
func (s *stream) event(t *testing.T) (string, message) {
	t.Helper()
	for {
		id, messages := s.next(t)
		for _, m := range messages {
			if m.ID > 0 {
				return id, m
			}
		}
	}
}

func (s *stream) hello(t *testing.T) (id string, hello message) {
	t.Helper()
	id, messages := s.next(t)
	if m := messages[0]; m.Module != "pull" || m.Command != "hello" {
		t.Fatalf("first message is %s/%s, want pull/hello", m.Module, m.Command)
	}
	return id, messages[0]
}

func TestStreamIsNeitherBufferedNorStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)

		s := a.stream(t, "1", "")
		defer s.close()

		for header, want := range map[string]string{
			"Content-Type":      "text/event-stream",
			"Cache-Control":     "no-store, no-transform",
			"X-Accel-Buffering": "no",
			"Content-Encoding":  "",
		} {
			if got := s.Header.Get(header); got != want {
				t.Errorf("%s: got %q, want %q", header, got, want)
			}
		}
		if s.StatusCode != http.StatusOK {
			t.Errorf("got status %d, want 200", s.StatusCode)
		}
		s.hello(t)
	})
}

func TestStreamsIDsAreCursors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		s := a.stream(t, "1", "")
		defer s.close()
		id, hello := s.hello(t)
		if id != cursorAt(hello) {
			t.Errorf("hello: got id %q, want %q", id, cursorAt(hello))
		}
		epoch, _, _ := strings.Cut(id, ".")

		send(t, a, pull.User("1"), "one")

		id, m := s.event(t)
		if want := epoch + "." + strconv.FormatUint(m.ID, 10); id != want || m.Command != "one" {
			t.Errorf("got id %q with %+v, want %q", id, m, want)
		}
	})
}

func TestStreamResumesFromLastEventID(t *testing.T) {
	for name, resume := range map[string]func(*testing.T, *app, string) *stream{
		"header": func(t *testing.T, a *app, id string) *stream { return a.stream(t, "1", "", "Last-Event-ID", id) },
		"query":  func(t *testing.T, a *app, id string) *stream { return a.stream(t, "1", "?cursor="+id) },
		// An EventSource repeats the query of its first connection.
		"header over query": func(t *testing.T, a *app, id string) *stream {
			return a.stream(t, "1", "?cursor=old.1", "Last-Event-ID", id)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)
				first := a.stream(t, "1", "")
				first.hello(t)
				send(t, a, pull.User("1"), "seen")
				id, _ := first.event(t)
				first.close()
				send(t, a, pull.User("1"), "missed")

				s := resume(t, a, id)
				defer s.close()

				if _, messages := s.next(t); messages[0].Params["recovered"] != true || messages[1].Command != "missed" {
					t.Errorf("got %+v, want recovered and then what was missed", messages)
				}
			})
		})
	}
}

func TestStreamIsToldOfAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)

		s := a.stream(t, "1", "", "Last-Event-ID", "other.5")
		defer s.close()

		if _, hello := s.hello(t); hello.Params["recovered"] != false {
			t.Errorf("got %v, want recovered false", hello.Params)
		}
	})
}

// Without an id, the browser would return with that of the lost log, and get a
// second gap for what it could have received.
func TestGapAtTheStartOfALogHasAPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFaults()
		a := f.node(t)
		defer a.stop(t)
		s := a.stream(t, "1", "")
		defer s.close()
		s.hello(t)

		f.newEpoch()
		send(t, a, pull.User("2"), "first")

		id, hello := s.hello(t)
		if hello.Params["offset"] != 0.0 || id != cursorAt(hello) {
			t.Errorf("got id %q with %+v, want %q", id, hello, cursorAt(hello))
		}
	})
}

func TestStreamsHeartbeatIsACommentAndATick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		s := a.stream(t, "1", "")
		defer s.close()
		id, _ := s.hello(t)
		epoch, _, _ := strings.Cut(id, ".")
		for range 10 {
			send(t, a, pull.User("2"), "noise")
		}
		start := time.Now()

		for !strings.HasPrefix(s.block(t), ":") {
		}
		id, messages := s.next(t)

		if took := time.Since(start); took > 25*time.Second {
			t.Errorf("the comment came after %s, want within a tick", took)
		}
		offset, _ := messages[0].Params["offset"].(float64)
		if messages[0].Command != "tick" || id != epoch+"."+strconv.FormatUint(uint64(offset), 10) || offset < 10 {
			t.Errorf("got id %q with %+v, want a tick and its position", id, messages[0])
		}
	})
}

// Messages of the plugin that are not in the log have no position. They must not
// hide the position of a message in the same frame.
func TestRollCallHidesNoPosition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)

		s := a.stream(t, "1", "")
		defer s.close()

		id, messages := s.next(t)
		if last := messages[len(messages)-1]; last.Command != "online_list" {
			t.Fatalf("got %+v at the end, want the online list", last)
		}
		if id != cursorAt(messages[0]) {
			t.Errorf("got id %q, want %q", id, cursorAt(messages[0]))
		}
	})
}

func TestStreamSkipsGzip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.Use(middleware.Gzip())

		s := a.stream(t, "1", "", "Accept-Encoding", "gzip")
		defer s.close()

		if got := s.Header.Get("Content-Encoding"); got != "" {
			t.Errorf("got Content-Encoding %q, want none", got)
		}
		s.hello(t)
		send(t, a, pull.User("1"), "one")
		if _, m := s.event(t); m.Command != "one" {
			t.Errorf("got %+v, want one at once", m)
		}
	})
}

func TestStreamExtendsItsWatchesByPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		grant(t, a, "1", "T")
		s := a.stream(t, "1", "?client=c")
		defer s.close()
		s.hello(t)
		pass(31 * time.Minute)

		response := a.do(t, http.MethodPost, "/pull/watch", `{"extend":["T","other"]}`, userHeader, "1", pull.HeaderClient, "c")

		if got := strings.TrimSpace(text(response)); got != `{"T":true,"other":false}` {
			t.Errorf("got %s, want true for T alone", got)
		}
		pass(31 * time.Minute)
		if users := a.Watch().Users("T"); len(users) != 1 {
			t.Errorf("got watchers %v after another 31 minutes, want the user", users)
		}
	})
}

func TestServersShutdownEndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		s := a.stream(t, "1", "")
		s.hello(t)
		send(t, a, pull.User("1"), "last")
		read := make(chan string, 1)
		go func() {
			rest, err := io.ReadAll(s.lines)
			if err != nil {
				t.Errorf("got %v, want a proper end", err)
			}
			read <- string(rest)
		}()
		synctest.Wait()
		start := time.Now()

		a.stop(t)

		if took := time.Since(start); took > time.Second {
			t.Errorf("took %s, want no waiting for streams", took)
		}
		rest := <-read
		if want := "event: close\ndata: {\"code\":1012,\"reason\":\"restart\"}\n\n"; !strings.HasSuffix(rest, want) {
			t.Errorf("got %q, want %q at the end", rest, want)
		}
		if !strings.Contains(rest, `tasks:last"`) {
			t.Errorf("got %q, want what was sent before", rest)
		}
	})
}

func TestStreamThatStopsReadingIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.QueueBytes, c.EventBytes = 64<<10, 8<<10 })
		defer a.stop(t)
		slow := a.stream(t, "1", "")
		defer slow.close()
		id, _ := slow.hello(t)
		other, _ := a.fresh(t, "1")
		for i := range 40 {
			sendEvent(t, a, pull.User("1"), event(strconv.Itoa(i), pad(4<<10)))
			synctest.Wait()
		}

		if commands, _, _ := other.wait(); len(commands) != 40 {
			t.Errorf("the other page got %d messages, want 40", len(commands))
		}
		if cut := a.Stats().Cut; cut != 1 {
			t.Errorf("got %d cut, want 1", cut)
		}
		slow.close()
		back := a.stream(t, "1", "", "Last-Event-ID", id)
		defer back.close()
		for i := 0; i < 40; {
			_, messages := back.next(t)
			for _, m := range messages {
				if m.ID > 0 && m.Command != strconv.Itoa(i) {
					t.Fatalf("got %s, want %d", m.Command, i)
				}
				if m.ID > 0 {
					i++
				}
			}
		}
	})
}

func TestDisconnectedStreamIsToldToStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		s := a.stream(t, "1", "")
		s.hello(t)

		a.disconnect(t, "1")

		rest, err := io.ReadAll(s.lines)
		if want := "event: close\ndata: {\"code\":4003,\"reason\":\"disconnected\"}\n\n"; !strings.HasSuffix(string(rest), want) || err != nil {
			t.Errorf("got %q and %v, want %q", rest, err, want)
		}
	})
}

func TestPageThatGoesTakesItsSessionAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		s := a.stream(t, "1", "")
		s.hello(t)

		s.close()

		if n := a.Stats().Sessions; n != 0 {
			t.Errorf("got %d sessions, want none", n)
		}
	})
}

package pull_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// listen serves an app on a real socket, until the test ends.
func (a *app) listen(t *testing.T) (*http.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: a.echo, ReadTimeout: time.Minute, WriteTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return server, l.Addr().String()
}

// A wire is the client's end of a stream on a real socket, without anything of
// net/http.
type wire struct {
	net.Conn
	*bufio.Reader
}

func (w wire) Read(p []byte) (int, error) { return w.Reader.Read(p) }

// connect sends the request of a stream of user 1, and sent right after it.
func connect(t *testing.T, address, version, sent string) wire {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, err = fmt.Fprintf(conn, "GET /pull HTTP/%s\r\nHost: app.test\r\nAccept: text/event-stream\r\n%s: 1\r\n\r\n%s", version, userHeader, sent)
	if err != nil {
		t.Fatal(err)
	}
	return wire{conn, bufio.NewReader(conn)}
}

// begun reads the head of the response.
func (w wire) begun(t *testing.T) *stream {
	t.Helper()
	response, err := http.ReadResponse(w.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &stream{response, bufio.NewReader(response.Body), func() { _ = w.Close() }}
}

func TestStreamIsAResponseThatEndsWithItsConnection(t *testing.T) {
	for _, version := range []string{"1.0", "1.1"} {
		t.Run(version, func(t *testing.T) {
			a := newApp(t, nil)
			defer a.stop(t)
			a.echo.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					header := c.Response().Header()
					header.Set("X-Trace", "7")
					header.Set("Content-Length", "5")
					header.Set("Content-Encoding", "gzip") // by a wrapper that is not used
					header.Set("X-Split", "a\r\nX-Evil: b")
					return next(c)
				}
			})
			_, address := a.listen(t)

			s := connect(t, address, version, "").begun(t)
			defer s.close()

			if s.Proto != "HTTP/"+version || s.StatusCode != http.StatusOK || !s.Close || s.ContentLength != -1 || s.TransferEncoding != nil {
				t.Errorf("got %s %s, close %t, length %d, %v, want HTTP/%s 200 OK until the connection is closed",
					s.Proto, s.Status, s.Close, s.ContentLength, s.TransferEncoding, version)
			}
			if s.Header.Get("X-Trace") != "7" || s.Header.Get("X-Evil") != "" {
				t.Errorf("got header %v, want the fields that middleware has set and no other", s.Header)
			}
			if got := s.Header.Get("Content-Encoding"); got != "" {
				t.Errorf("got Content-Encoding %q, want none", got)
			}
			if date, err := http.ParseTime(s.Header.Get("Date")); err != nil || time.Since(date).Abs() > time.Minute {
				t.Errorf("got Date %q, want the time", s.Header.Get("Date"))
			}
			s.hello(t)
			send(t, a, pull.User("1"), "one")
			if _, m := s.event(t); m.Command != "one" {
				t.Errorf("got %+v, want one", m)
			}
		})
	}
}

// A reset connection would lose the reason.
func TestClientThatSendsOnAStreamIsToldWhyItEnds(t *testing.T) {
	const next = "GET / HTTP/1.1\r\nHost: app.test\r\n\r\n"
	for name, sent := range map[string][2]string{
		"with the request": {next, ""},
		"later":            {"", next},
		"a lot":            {next, strings.Repeat(next, 10_000)},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, nil)
			defer a.stop(t)
			_, address := a.listen(t)
			w := connect(t, address, "1.1", sent[0])
			defer func() { _ = w.Close() }()
			s := w.begun(t)
			_, _ = io.WriteString(w.Conn, sent[1])

			rest, err := io.ReadAll(s.lines)

			if want := "event: close\ndata: {\"code\":1008,"; !strings.Contains(string(rest), want) || err != nil {
				t.Errorf("got %q and %v, want %q and the end", rest, err, want)
			}
		})
	}
}

func TestEmptyLineAfterTheRequestEndsNoStream(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	_, address := a.listen(t)
	s := connect(t, address, "1.1", "\r\n").begun(t)
	defer s.close()
	s.hello(t)

	send(t, a, pull.User("1"), "one")

	if _, m := s.event(t); m.Command != "one" {
		t.Errorf("got %+v, want one", m)
	}
}

// Access logs and metrics of middleware see a stream when it begins.
func TestHandlerReturnsWhenAStreamHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		logged := make(chan string, 1)
		a.echo.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				err := next(c)
				r := responseOf(c)
				logged <- fmt.Sprint(r.Status, r.Committed, r.Size, err)
				return err
			}
		})

		s := a.stream(t, "1", "")
		defer s.close()
		s.hello(t)

		if got, want := <-logged, "200 true 0 <nil>"; got != want {
			t.Errorf("got %s, want %s while the stream is open", got, want)
		}
	})
}

// The events of the last requests reach streams like WebSockets.
func TestStreamOutlivesTheShutdownOfTheServer(t *testing.T) {
	a := newApp(t, nil)
	server, address := a.listen(t)
	s := connect(t, address, "1.1", "").begun(t)
	defer s.close()
	s.hello(t)

	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	send(t, a, pull.User("1"), "late")

	if _, m := s.event(t); m.Command != "late" {
		t.Errorf("got %+v, want late", m)
	}
	ended := make(chan string, 1)
	go func() {
		rest, err := io.ReadAll(s.lines)
		ended <- fmt.Sprint(string(rest), err)
		s.close()
	}()
	a.stop(t)
	if got, want := <-ended, "event: close\ndata: {\"code\":1012,\"reason\":\"restart\"}\n\n<nil>"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want %q at the end", got, want)
	}
}

// The server waits for responses that it still writes.
func TestServersShutdownEndsStreamsOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		server := a.overHTTP2(t, a.echo)
		s := a.stream(t, "1", "")
		defer s.close()
		s.hello(t)
		rest := make(chan string, 1)
		go func() {
			all, err := io.ReadAll(s.lines)
			rest <- fmt.Sprint(string(all), err)
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()

		if err := server.Shutdown(ctx); err != nil {
			t.Errorf("got %v, want no waiting for streams", err)
		}
		if got, want := <-rest, "event: close\ndata: {\"code\":1012,\"reason\":\"restart\"}\n\n<nil>"; !strings.HasSuffix(got, want) {
			t.Errorf("got %q, want %q at the end", got, want)
		}
	})
}

func TestStreamOverTLSIsDeliveredAndClosed(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	server := httptest.NewUnstartedServer(a.echo)
	server.TLS = &tls.Config{NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS13}
	server.StartTLS()
	defer server.Close()
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/pull", nil)
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set(userHeader, "1")
	response, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{response, bufio.NewReader(response.Body), func() { _ = response.Body.Close() }}
	defer s.close()
	s.hello(t)
	for range 20 { // most of them find an idle stream
		send(t, a, pull.User("1"), "one")
		s.event(t)
	}

	a.disconnect(t, "1")

	rest, err := io.ReadAll(s.lines)
	if want := "event: close\ndata: {\"code\":4003,\"reason\":\"disconnected\"}\n\n"; !strings.HasSuffix(string(rest), want) || err != nil {
		t.Errorf("got %q and %v, want %q at the end", rest, err, want)
	}
}

// Without Hijack, or if it fails, the response writer carries the stream.
func TestStreamThroughAWriterThatCannotBeTakenOver(t *testing.T) {
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"without": func(w http.ResponseWriter) http.ResponseWriter { return flushing{w} },
		"refuses": func(w http.ResponseWriter) http.ResponseWriter { return stubborn{w} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)
				a.echo.Use(hiding(wrap))
				s := a.stream(t, "1", "")
				defer s.close()
				s.hello(t)

				send(t, a, pull.User("1"), "one")

				if _, m := s.event(t); m.Command != "one" {
					t.Errorf("got %+v, want one", m)
				}
				a.disconnect(t, "1")
				rest, err := io.ReadAll(s.lines)
				if want := "event: close\ndata: {\"code\":4003,\"reason\":\"disconnected\"}\n\n"; !strings.HasSuffix(string(rest), want) || err != nil {
					t.Errorf("got %q and %v, want %q at the end", rest, err, want)
				}
			})
		})
	}
}

// An assuming writer takes it for granted that the one below can be hijacked.
type assuming struct{ stubborn }

func (a assuming) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return a.ResponseWriter.(http.Hijacker).Hijack()
}

// Middleware that was written for HTTP/1 may be in front of streams over HTTP/2.
func TestStreamOverHTTP2IsNotTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.overHTTP2(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.echo.ServeHTTP(assuming{stubborn{w}}, r) }))

		s := a.stream(t, "1", "")
		defer s.close()
		s.hello(t)
		send(t, a, pull.User("1"), "one")

		if _, m := s.event(t); m.Command != "one" || s.ProtoMajor != 2 {
			t.Errorf("got %+v over %s, want one over HTTP/2", m, s.Proto)
		}
	})
}

// If the socket has accepted half an event, the rest must follow.
func TestSlowStreamOnARealSocketIsToldWhy(t *testing.T) {
	const sent, size = 200, 60_000
	a := newApp(t, nil)
	defer a.stop(t)
	_, address := a.listen(t)
	s := connect(t, address, "1.1", "").begun(t)
	defer s.close()
	s.hello(t)
	for range sent {
		sendEvent(t, a, pull.User("1"), event("x", pad(size)))
	}

	for count := 0; count < sent; {
		block := s.block(t)
		if strings.Contains(block, "event: close\n") {
			if !strings.Contains(block, `"code":4001`) {
				t.Errorf("got %s, want code 4001", block)
			}
			return
		}
		_, data, _ := strings.Cut(block, "data: ")
		var messages []message
		if err := json.Unmarshal([]byte(data), &messages); data != "" && err != nil {
			t.Fatalf("got %v after %d messages, want all or close 4001", err, count)
		}
		for _, m := range messages {
			if m.ID == 0 {
				continue
			}
			if pad, _ := m.Params["pad"].(string); len(pad) != size {
				t.Fatalf("message %d has %d bytes, want %d", m.ID, len(pad), size)
			}
			count++
		}
	}
}

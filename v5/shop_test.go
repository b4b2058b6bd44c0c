package pull_test

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
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v5"

	"github.com/echo-pull/pull/v5"

	"github.com/echo-pull/pull/internal/memnet"
)

// A shop is an application for the tests that are specific to Echo v5. It serves
// the plugin's routes on an in-memory network; a test adds its own Echo. It uses
// nothing from the root's tests, which exist here only through scripts/port5.
type shop struct {
	*pull.Plugin
	echo    *echo.Echo
	network *memnet.Listener
	server  *server
}

const shopper = "X-User" // this header stands in for a login

func newShop(t *testing.T, configure func(*pull.Config)) *shop {
	t.Helper()
	config := pull.Config{
		User:   func(c *echo.Context) (string, error) { return c.Request().Header.Get(shopper), nil },
		Logger: slog.New(slog.DiscardHandler),
	}
	if configure != nil {
		configure(&config)
	}
	p, err := pull.New(config)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	if err := p.Register(pull.Module{ID: "shop", Use: pull.PublicSection}); err != nil {
		t.Fatalf("Register: %v", err)
	}
	return &shop{Plugin: p, echo: newEcho()}
}

// open installs the plugin in the shop's Echo and starts serving.
func (s *shop) open() {
	s.echo.Use(s.Middleware())
	s.Mount(s.echo.Group("/pull"))
	s.start()
}

func (s *shop) start() {
	s.network = memnet.Listen()
	s.server = serve(s.echo, s.network)
}

// close ends the server and the plugin as an application does.
func (s *shop) close(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.server.shutdown(ctx); err != nil {
		t.Errorf("shutdown of Echo: %v", err)
	}
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("shutdown of the plugin: %v", err)
	}
}

// ask calls an Echo with a request of user 42, without a network.
func ask(e *echo.Echo, method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set(shopper, "42")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w
}

// offer sends the event that shows whether the epilogue has published it.
func offer(c *pull.Context) error {
	return c.Pull().Send(pull.User("42"), pull.Event{Module: "shop", Command: "offer"})
}

// mark sends an event that is always published.
func (s *shop) mark(t *testing.T, command string) {
	t.Helper()
	if err := s.Send(t.Context(), pull.User("42"), pull.Event{Module: "shop", Command: command}); err != nil {
		t.Fatalf("send: %v", err)
	}
}

// A shopWindow is a page of user 42, connected by Server-Sent Events or WebSocket.
// It reads continuously, as browsers do.
type shopWindow struct {
	response *http.Response
	body     *bufio.Reader
	conn     *websocket.Conn
	cancel   context.CancelFunc
	commands chan string // closed at the end …
	err      error       // … with this error
}

// look connects a page by Server-Sent Events.
func (s *shop) look(t *testing.T, headers ...string) *shopWindow {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://shop.test/pull", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set(shopper, "42")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DialContext: s.network.Dial, DisableKeepAlives: true, DisableCompression: true}}
	response, err := client.Do(r)
	if err != nil {
		t.Fatalf("stream: %v", err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("stream: %s", response.Status)
	}
	w := &shopWindow{response: response, body: bufio.NewReader(response.Body), cancel: cancel}
	w.begin(t)
	return w
}

// lookBySocket connects a page by WebSocket.
func (s *shop) lookBySocket(t *testing.T, headers ...string) *shopWindow {
	t.Helper()
	header := http.Header{shopper: {"42"}}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	d := websocket.Dialer{NetDialContext: s.network.Dial}
	conn, response, err := d.DialContext(t.Context(), "ws://shop.test/pull", header)
	if err != nil {
		t.Fatalf("dial: %v %v", err, response)
	}
	w := &shopWindow{response: response, conn: conn}
	w.begin(t)
	return w
}

func (w *shopWindow) begin(t *testing.T) {
	t.Helper()
	w.commands = make(chan string, 1000)
	go func() {
		defer close(w.commands)
		for w.err == nil {
			w.err = w.read()
		}
	}()
	w.sees(t, "hello")
}

// read reads a frame. A frame that closes the stream becomes the command "close".
func (w *shopWindow) read() error {
	frame, err := w.frame()
	if err != nil {
		return err
	}
	var messages []struct {
		Command string `json:"command"`
	}
	if json.Unmarshal(frame, &messages) != nil {
		w.commands <- "close"
	}
	for _, m := range messages {
		w.commands <- m.Command
	}
	return nil
}

// sees compares the next commands with want.
func (w *shopWindow) sees(t *testing.T, want ...string) {
	t.Helper()
	for _, command := range want {
		if got, err := w.next(); got != command {
			t.Errorf("the page got %q %v, want %q", got, err, command)
		}
	}
}

// next returns the next command, ignoring ticks, or the reason why there is none.
func (w *shopWindow) next() (string, error) {
	late := time.After(10 * time.Minute) // of fake time
	for {
		select {
		case command, ok := <-w.commands:
			if !ok {
				return "", w.err
			}
			if command != "tick" {
				return command, nil
			}
		case <-late:
			return "", errors.New("nothing has come")
		}
	}
}

// frame returns the next frame of the connection.
func (w *shopWindow) frame() ([]byte, error) {
	if w.conn != nil {
		_, frame, err := w.conn.ReadMessage()
		return frame, err
	}
	for {
		line, err := w.body.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			return []byte(data), nil
		}
	}
}

func (w *shopWindow) close() {
	if w.conn != nil {
		_ = w.conn.Close()
		return
	}
	w.cancel()
	_ = w.response.Body.Close()
}

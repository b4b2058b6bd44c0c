package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/internal/memnet"
)

// A node is one of several in this process, which share a log.
type node struct {
	*echo.Echo
	plugin   *pull.Plugin
	listener *memnet.Listener
}

// startNode starts a node, until the benchmark ends.
func startNode(b *testing.B, log pull.Broker) *node {
	b.Helper()
	return startDraining(b, log, 0)
}

// startDraining is startNode for one whose Shutdown takes a time.
func startDraining(b *testing.B, log pull.Broker, drain time.Duration) *node {
	b.Helper()
	plugin, err := pull.New(pull.Config{
		User:   func(c echo.Context) (string, error) { return c.QueryParam("user"), nil },
		Broker: log, Drain: drain, Logger: slog.New(slog.DiscardHandler),
		OnError: func(err error) {
			if !errors.Is(err, context.Canceled) { // the shutdown ends what a node announces
				b.Error(err)
			}
		},
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := plugin.Register(pull.Module{ID: "tasks", Use: pull.PublicSection}); err != nil {
		b.Fatal(err)
	}
	n := &node{echo.New(), plugin, memnet.Listen()}
	n.Use(plugin.Middleware())
	plugin.Mount(n.Group("/pull"))
	server := &http.Server{Handler: n.Echo, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(n.listener) }()
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := errors.Join(server.Close(), plugin.Shutdown(ctx)); err != nil {
			b.Error(err)
		}
		<-served
	})
	return n
}

// send sends an event and returns once the log holds it.
func (n *node) send(b *testing.B, to pull.Target) {
	b.Helper()
	if err := n.plugin.Send(b.Context(), to, update()); err != nil {
		b.Error(err)
	}
}

func update() pull.Event {
	return pull.Event{Module: "tasks", Command: "update", Params: params{ID: "7", Title: "Write it down"}}
}

// handle adds a handler that sends an event to user 7. The function makes a request
// and returns when the handler called Send.
func (n *node) handle() (request func(b *testing.B) time.Time) {
	var sent time.Time
	n.POST("/tasks/:id", pull.Handler(func(c pull.Context) error {
		sent = time.Now()
		if err := c.Pull().Send(pull.User("7"), update()); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}))
	r := httptest.NewRequest(http.MethodPost, "/tasks/7?user=1", http.NoBody)
	return func(b *testing.B) time.Time {
		b.Helper()
		response := &discard{}
		n.ServeHTTP(response, r)
		if response.status != http.StatusNoContent {
			b.Fatalf("the handler returned %d", response.status)
		}
		return sent
	}
}

// A crowd is pages that count events.
type crowd struct {
	each     int64         // pages that get an event
	room     chan struct{} // an element for each event on its way
	received atomic.Int64
	at       atomic.Int64 // when the newest event came, Unix nanoseconds
}

// join connects a page, until the benchmark ends.
func (c *crowd) join(b *testing.B, n *node, user string) {
	b.Helper()
	d := websocket.Dialer{NetDialContext: n.listener.Dial}
	conn, response, err := d.DialContext(b.Context(), "ws://app.test/pull?protocol=2&client=page-of-"+user+"-0123456789&user="+user, nil)
	if err != nil {
		b.Fatal(err)
	}
	_ = response.Body.Close()
	if _, _, err := conn.ReadMessage(); err != nil { // hello
		b.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			_, frame, err := conn.ReadMessage()
			if err != nil {
				return
			}
			c.receive(int64(bytes.Count(frame, []byte(`:update",`))))
		}
	}()
	b.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
}

// receive counts, and makes room for events that have reached all their pages.
func (c *crowd) receive(events int64) {
	if events == 0 {
		return
	}
	c.at.Store(time.Now().UnixNano())
	after := c.received.Add(events)
	for range after/c.each - (after-events)/c.each {
		<-c.room
	}
}

// wait waits until no event is on its way.
func (c *crowd) wait(b *testing.B) {
	b.Helper()
	patience := time.After(time.Minute)
	for range cap(c.room) {
		select {
		case c.room <- struct{}{}:
		case <-patience:
			b.Fatalf("%d events are on their way after a minute", len(c.room))
		}
	}
	for range cap(c.room) {
		<-c.room
	}
}

// last returns when the newest event came.
func (c *crowd) last() time.Time { return time.Unix(0, c.at.Load()) }

package pull_test

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

func TestSlowReaderIsCutAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.QueueBytes, c.EventBytes = 64<<10, 8<<10 })
		defer a.stop(t)
		other, _ := a.fresh(t, "2")
		slow, at := a.stall(t, "1")
		var want []string
		for i := range 40 {
			want = append(want, strconv.Itoa(i))
			sendEvent(t, a, pull.User("1", "2"), event(want[i], pad(4<<10)))
			if commands, _, _ := other.wait(); len(commands) != i+1 {
				t.Fatalf("the other page has %d messages, want %d at once", len(commands), i+1)
			}
		}
		if cut := a.Stats().Cut; cut != 1 {
			t.Errorf("got %d sessions cut, want 1", cut)
		}
		var err error
		for err == nil {
			_, _, err = slow.ReadMessage()
		}
		if !websocket.IsCloseError(err, 4001) {
			t.Errorf("slow page: got %v, want close 4001", err)
		}

		back := a.resume(t, "1", at)

		back.sees(t, want...)
		other.sees(t, want...)
	})
}

// If the socket has accepted half a frame, the rest must follow.
func TestSlowReaderOnARealSocketIsToldWhy(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: a.echo, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	defer func() { _ = server.Close() }()
	a.echo.GET("/burst", pull.Handler(func(c pull.Context) error {
		for range 200 {
			if err := c.Pull().Send(pull.User("1"), event("x", pad(60_000))); err != nil {
				return err
			}
		}
		return c.NoContent(http.StatusNoContent)
	}))
	conn, response, err := websocket.DefaultDialer.Dial("ws://"+l.Addr().String()+"/pull", http.Header{userHeader: {"1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = response.Body.Close()
	_, _, _ = conn.ReadMessage()
	a.get(t, "/burst")

	for count := 0; count < 200; {
		_, frame, err := conn.ReadMessage()
		if websocket.IsCloseError(err, 4001) {
			return
		}
		var messages []message
		if err = errors.Join(err, json.Unmarshal(frame, &messages)); err != nil {
			t.Fatalf("got %v after %d messages, want all 200 or close 4001", err, count)
		}
		for _, m := range messages {
			if m.ID > 0 {
				count++
			}
		}
	}
}

func TestThousandStalledPagesTakeBoundedMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pages, queue = 1000, 32 << 10
		a := newApp(t, func(c *pull.Config) {
			c.QueueBytes, c.EventBytes, c.Online = queue, 8<<10, pull.OnlineNobody
			c.WindowBytes = 1 << 20
		})
		defer a.stop(t)
		for i := range pages {
			a.stall(t, strconv.Itoa(i))
		}
		before := heap()
		most := uint64(0)
		for range 20 { // two and a half times what a queue holds
			sendEvent(t, a, pull.Shared(), event("x", pad(4<<10)))
			synctest.Wait()
			most = max(most, heap())
		}

		if cut := a.Stats().Cut; cut != pages {
			t.Errorf("got %d pages cut, want %d", cut, pages)
		}
		// The messages are shared: a thousand queues hold one copy.
		if grown := int64(most) - int64(before); grown > pages*queue/2 {
			t.Errorf("the heap has grown by %d bytes, want far less than %d", grown, pages*queue)
		}
		pass(10 * time.Second)
		if left := a.Stats().Sessions; left != 0 {
			t.Errorf("got %d sessions, want none that has not read for 10 s after the cut", left)
		}
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestLongReplayLeavesInBoundedFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const missed, queue = 500, 64 << 10
		a := newApp(t, func(c *pull.Config) { c.QueueBytes, c.EventBytes = queue, 8<<10 })
		defer a.stop(t)
		gone, at := a.fresh(t, "1")
		gone.leave()
		for i := range missed { // 2 MB
			sendEvent(t, a, pull.User("1"), event(strconv.Itoa(i), pad(4<<10)))
		}
		p := a.dial(t, "1", "?cursor="+at)
		largest, frames, r := 0, 0, new(reading)

		for len(r.commands) < missed {
			kind, frame, err := p.ReadMessage()
			if !r.take(kind, frame, err) {
				t.Fatalf("got %v after %d messages", r.err, len(r.commands))
			}
			largest, frames = max(largest, len(frame)), frames+1
		}

		if largest > queue || frames > missed/4 {
			t.Errorf("got %d frames of up to %d bytes, want few and none above %d", frames, largest, queue)
		}
		counted(t, r.commands)
	})
}

// The limit applies to messages queued behind another one. Without a socket that
// accepts a frame at once (a stream, TLS) a message alone is always accepted.
func TestPageThatKeepsUpIsNotCutHoweverSmallItsQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.QueueBytes, c.Online = 1, pull.OnlineNobody })
		defer a.stop(t)
		s := a.stream(t, "1", "")
		defer s.close()
		p := a.dial(t, "2", "").read()

		for range 5 {
			s.next(t) // hello and ticks
		}
		for _, command := range []string{"one", "two"} {
			synctest.Wait()
			send(t, a, pull.User("1", "2"), command)
			if _, m := s.event(t); m.Command != command {
				t.Errorf("got %q, want %q", m.Command, command)
			}
		}

		p.sees(t, "one", "two")
		if cut := a.Stats().Cut; cut != 0 {
			t.Errorf("%d pages were cut, want none", cut)
		}
	})
}

package soak

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// A script is what a fake server sends on each connection, frame by frame. After
// the last frame of a connection the server cuts it.
type script [][]string

// play lets a page load and connect to a server that follows the script, and returns
// what it has seen and the cursors of its connections.
func play(t *testing.T, s script, events bool) (*tally, []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex // guards cursors
	var cursors []string
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`<script data-cursor="log.10">`)) })
	mux.HandleFunc("/pull", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		n := len(cursors)
		cursors = append(cursors, r.FormValue("cursor"))
		mu.Unlock()
		if n == len(s) {
			cancel() // the page has returned once more
			return
		}
		send(t, w, r, s[n])
	})
	fake := httptest.NewServer(mux)
	defer fake.Close()
	p := &page{
		server: &server{address: strings.TrimPrefix(fake.URL, "http://")}, http: fake.Client(), tally: &tally{}, user: "ann", path: "/",
		events: events, absent: time.Minute, lines: []line{shared}, ends: func() map[line]int { return nil },
	}

	p.run(ctx)

	mu.Lock()
	defer mu.Unlock()
	return p.tally, cursors
}

// send sends frames in the transport that the request wants.
func send(t *testing.T, w http.ResponseWriter, r *http.Request, frames []string) {
	t.Helper()
	if r.Header.Get("Accept") == "text/event-stream" {
		for _, text := range frames {
			_, _ = fmt.Fprintf(w, ": ping\n\nid: log.1\ndata: %s\n\n", text)
		}
		return
	}
	c, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close() //nolint:errcheck // it cuts the page
	for _, text := range frames {
		if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			t.Error(err)
		}
	}
}

func event(offset, number int) string {
	return fmt.Sprintf(`[[%d, 1, "im:message", {"from": "author", "text": "all %d 1795452002114000123"}]]`, offset, number)
}

func welcome(epoch string, offset int, recovered bool) string {
	return fmt.Sprintf(`[{"module_id": "pull", "command": "hello", "params": {"epoch": %q, "offset": %d, "recovered": %v}}]`, epoch, offset, recovered)
}

func TestPageFollowsItsCursor(t *testing.T) {
	for _, events := range []bool{false, true} {
		t.Run(fmt.Sprint("events ", events), func(t *testing.T) {
			seen, cursors := play(t, script{
				{welcome("log", 10, true), event(11, 1), event(12, 2)},
				{welcome("log", 14, true), event(12, 2), event(14, 3), `[{"module_id": "pull", "command": "tick", "params": {"epoch": "log", "offset": 20}}]`},
				{welcome("other", 3, false), event(4, 9)},
			}, events)

			if got, want := fmt.Sprint(cursors), "[log.10 log.12 log.20 other.4]"; got != want {
				t.Errorf("the cursors are %s, want %s", got, want)
			}
			_, _, broken := seen.sum()
			if broken != nil || seen.gaps.Load() != 1 || seen.recovered.Load() != 2 || seen.repeated.Load() != 1 {
				t.Errorf("got %v, %d gaps, %d recovered, %d repeated; want nil, 1, 2, 1",
					broken, seen.gaps.Load(), seen.recovered.Load(), seen.repeated.Load())
			}
		})
	}
}

func TestPageNoticesBrokenPromises(t *testing.T) {
	for _, test := range []struct{ name, frame, want string }{
		{"a loss", event(13, 3), "all 2 to 2 did not come"},
		{"a repetition under another offset", event(13, 1), "all 1 came after 1"},
		{"a frame that is not JSON", `[[13,`, "a frame of ann"},
		{"an event that is too short", `[[13, 1]]`, "an event with 2 elements"},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen, _ := play(t, script{{welcome("log", 10, true), event(11, 1), test.frame}}, false)

			_, _, broken := seen.sum()
			if broken == nil || !strings.Contains(broken.Error(), test.want) {
				t.Errorf("got %v, want %q", broken, test.want)
			}
		})
	}
}

func TestGapOfAPageThatWasAwayForTooLongIsCountedApart(t *testing.T) {
	for _, test := range []struct {
		away       time.Duration
		gaps, late int64
	}{{time.Minute, 1, 0}, {3 * time.Minute, 0, 1}} {
		p := &page{tally: &tally{}, cursor: cursor{"log", 10}, absent: 2 * time.Minute, heard: time.Now().Add(-test.away)}

		p.greet(hello{Epoch: "log", Offset: 20})

		if p.tally.gaps.Load() != test.gaps || p.tally.late.Load() != test.late || p.cursor.offset != 20 {
			t.Errorf("after %v: %d gaps and %d late, at %s; want %d and %d at 20", test.away, p.tally.gaps.Load(), p.tally.late.Load(), p.cursor, test.gaps, test.late)
		}
	}
}

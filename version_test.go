package pull_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/echo-pull/pull"
)

func TestServerSpeaksTheVersionThatAClientKnows(t *testing.T) {
	for query, want := range map[string]float64{
		"?protocol=": 1, "?protocol=1": 1, "?protocol=2": 2, "?protocol=3": 2, "?protocol=99999999999999999999999": 2,
		"?protocol=0": 0, "?protocol=02": 0, "?protocol=-1": 0, "?protocol=1.0": 0, "?protocol=2x": 0, "?protocol=x": 0, "?protocol=%202": 0,
	} {
		t.Run(query, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)
				p, response, err := a.tryDial(t, query, userHeader, "42")
				if want == 0 {
					if err == nil || response.StatusCode != http.StatusBadRequest {
						t.Fatalf("got %v and %v, want status 400", response, err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				hello := p.hello(t)
				s := a.stream(t, "42", query)
				_, streamed := s.hello(t)

				send(t, a, pull.User("42"), "update")

				if got := hello.Params["protocol"]; got != want || streamed.Params["protocol"] != want {
					t.Errorf("got protocol %v, and %v on a stream, want %v", got, streamed.Params["protocol"], want)
				}
				for _, text := range []string{p.frame(t, "update"), s.block(t)} {
					if array := strings.Contains(text, `,"tasks:update",{}]`); array != (want == 2) {
						t.Errorf("got %s from version %v", text, want)
					}
				}
				s.close()
				quit(p)
			})
		})
	}
}

// Pages of both versions share the address of a message, get batches of messages
// for several addresses, and return to them.
func TestPagesOfBothVersionsGetTheSameEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.echo.POST("/many", pull.Handler(func(c pull.Context) error {
			for i := range 40 {
				to := pull.User("42")
				if i%4 > 1 {
					to = pull.Shared()
				}
				if err := c.Pull().Send(to, event(fmt.Sprintf("e:%d", i), map[string]int{"I": i})); err != nil {
					return err
				}
			}
			return nil
		}))
		queries := []string{"?protocol=1", "?protocol=2"}
		pages := make([]*page, 4)
		var cursor string
		for i := range pages {
			pages[i] = a.dial(t, "42", queries[i%2])
			at := pages[i].hello(t).Params
			cursor = fmt.Sprintf("%s.%.0f", at["epoch"], at["offset"])
		}

		a.do(t, http.MethodPost, "/many", "", userHeader, "42")

		want := events(t, pages[0], false)
		for i, query := range queries {
			array := i == 1
			back := a.dial(t, "42", query+"&cursor="+cursor)
			for what, got := range map[string][]message{"live": events(t, pages[2+i], array), "replayed": events(t, back, array)} {
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s, %s: got %v, want %v", query, what, got, want)
				}
			}
			quit(back)
		}
		for _, p := range pages {
			quit(p)
		}
	})
}

// events returns the next 40 events of a page, without their times, and checks
// their form.
func events(t *testing.T, p *page, arrays bool) (got []message) {
	t.Helper()
	for len(got) < 40 {
		_, frame, err := p.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		var raw []json.RawMessage
		if err := json.Unmarshal(frame, &raw); err != nil {
			t.Fatalf("%v in %s", err, frame)
		}
		for _, text := range raw {
			var m message
			if err := json.Unmarshal(text, &m); err != nil {
				t.Fatalf("%v in %s", err, text)
			}
			if m.ID == 0 {
				continue
			}
			if (text[0] == '[') != arrays {
				t.Errorf("got %s, want an array: %t", text, arrays)
			}
			m.Extra = nil
			got = append(got, m)
		}
	}
	return got
}

func TestMessageOf200BytesTakesAtMost240OnTheWire(t *testing.T) {
	a := newApp(t, nil)
	defer a.stop(t)
	if err := a.Register(pull.Module{ID: "bench"}); err != nil {
		t.Fatal(err)
	}
	p := a.dial(t, "42", "")
	p.hello(t)
	params := map[string]string{"p": strings.Repeat("x", 200-len(`{"p":""}`))}

	sendEvent(t, a, pull.User("42"), pull.Event{Module: "bench", Command: "m", Params: params})

	defer func() { _ = p.Close() }()
	frame := make([]byte, 1000)
	n, err := p.NetConn().Read(frame)
	var events []message
	if err == nil {
		err = json.Unmarshal(frame[4:n], &events) // after the header of a frame of 126 bytes or more
	}
	if err != nil || len(events) != 1 || events[0].Command != "m" {
		t.Fatalf("got %q and %v, want a frame with the event", frame[:n], err)
	}
	offset := len(strconv.FormatUint(events[0].ID, 10))
	if got := n - offset + len("123456"); got > 240 {
		t.Errorf("%d bytes with an offset of six digits, want 240 at most: %s", got, frame[:n])
	} else {
		t.Logf("%d bytes", got)
	}
}

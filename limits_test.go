package pull_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/echo-pull/pull"
)

// knock connects, disconnects at once, and returns the response.
func (a *app) knock(t *testing.T, headers ...string) *http.Response {
	t.Helper()
	p, response, err := a.tryDial(t, "", headers...)
	if response == nil {
		t.Fatalf("dial: %v", err)
	}
	if p != nil {
		quit(p)
	}
	return response
}

func TestReconnectingWithoutEndIsPaced(t *testing.T) {
	for name, who := range map[string][]string{"user": {userHeader, "1"}, "guest": {"X-Real-IP", "2001:db8::1"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, func(c *pull.Config) { c.Guests, c.MaxSessionsPerUser, c.MaxGuestsPerAddress = true, 8, 8 })
				defer a.stop(t)
				let := 0
				for let < 1000 && a.knock(t, who...).StatusCode == http.StatusSwitchingProtocols {
					let++
				}
				// The refusal took a second, which is worth two attempts.
				refused := func(what string, knock func() *http.Response) {
					a.knock(t, who...)
					a.knock(t, who...)
					began := time.Now()
					r := knock()
					if r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") == "" || time.Since(began) != time.Second {
						t.Errorf("%s: got %d after %s, want 429 with Retry-After after 1s", what, r.StatusCode, time.Since(began))
					}
				}

				if let != 32 {
					t.Errorf("%d connections were let in at once, want 32: four times what may be open", let)
				}
				refused("WebSocket", func() *http.Response { return a.knock(t, who...) })
				refused("stream", func() *http.Response { return a.get(t, "/pull", append(who, "Accept", "text/event-stream")...) })
				refused("probe", func() *http.Response { return a.get(t, "/pull", who...) })
				if name == "guest" {
					refused("the same subscriber", func() *http.Response { return a.knock(t, "X-Real-IP", "2001:db8::ffff") })
				}
				if got := a.knock(t, userHeader, "2").StatusCode; got != http.StatusSwitchingProtocols {
					t.Errorf("another user got %d, want 101", got)
				}
				if got := a.knock(t, "X-Real-IP", "2001:db8:0:1::1").StatusCode; got != http.StatusSwitchingProtocols {
					t.Errorf("another address got %d, want 101", got)
				}
				pass(5 * time.Second)
				if got := a.knock(t, who...).StatusCode; got != http.StatusSwitchingProtocols {
					t.Errorf("got %d after Retry-After, want 101", got)
				}
			})
		})
	}
}

func TestAllPagesOfAUserComeBackAfterRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		for range 4 {
			var pages []*page
			for range 64 {
				pages = append(pages, a.dial(t, "1", ""))
			}
			for _, p := range pages {
				quit(p)
			}
			synctest.Wait()
		}
	})
}

func TestNewConnectionHasNoFreshAllowance(t *testing.T) {
	for name, user := range map[string]string{"user": "1", "guest": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, func(c *pull.Config) { c.Guests = true })
				defer a.stop(t)
				answered := 0
				for range 10 {
					p := a.dial(t, user, "")
					p.hello(t)
					go func() {
						for range 20 {
							_ = p.WriteMessage(websocket.TextMessage, []byte(`{"extend":["T"]}`))
						}
					}()
					for came := 0; came < 20; {
						_, frame, err := p.ReadMessage()
						if websocket.IsCloseError(err, websocket.ClosePolicyViolation) {
							break
						}
						came += strings.Count(string(frame), `"watch"`)
						answered += strings.Count(string(frame), `"watch"`)
					}
					quit(p)
					synctest.Wait()
				}

				if answered > 20 {
					t.Errorf("%d requests were answered on ten connections after one another, want 20", answered)
				}
				if got := a.do(t, http.MethodPost, "/pull/watch", `{"extend":["T"]}`, userHeader, user).StatusCode; got != http.StatusTooManyRequests {
					t.Errorf("a POST got %d, want 429", got)
				}
				if got := a.do(t, http.MethodPost, "/pull/watch", `{"extend":["T"]}`, userHeader, "2").StatusCode; got != http.StatusOK {
					t.Errorf("another user's POST got %d, want 200", got)
				}
			})
		})
	}
}

func TestAllPagesOfAUserExtendTheirWatchesWhenTheDeviceWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		var pages []*page
		for range 64 {
			p := a.dial(t, "1", "")
			p.hello(t)
			pages = append(pages, p)
		}
		for range 5 {
			for _, p := range pages {
				if err := p.WriteMessage(websocket.TextMessage, []byte(`{"extend":["T"]}`)); err != nil {
					t.Fatal(err)
				}
				for p.control(t).Command != "watch" {
				}
			}
		}
	})
}

func TestGuestsOfAnAddressAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.Guests, c.MaxGuestsPerAddress = true, 2 })
		defer a.stop(t)
		first, _, _ := a.tryDial(t, "", "X-Real-IP", "192.0.2.1")
		_, _, _ = a.tryDial(t, "", "X-Real-IP", "192.0.2.1")

		_, r, _ := a.tryDial(t, "", "X-Real-IP", "192.0.2.1")
		if r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") == "" {
			t.Errorf("the third guest of an address got %d, want 429 with Retry-After", r.StatusCode)
		}
		probe := a.get(t, "/pull", "X-Real-IP", "192.0.2.1")
		if got := text(probe); !strings.Contains(got, "too many guests of this address") {
			t.Errorf("a probe got %s, want the reason", got)
		}
		for _, other := range [][]string{{"X-Real-IP", "192.0.2.2"}, {userHeader, "1", "X-Real-IP", "192.0.2.1"}} {
			if got := a.knock(t, other...).StatusCode; got != http.StatusSwitchingProtocols {
				t.Errorf("%v got %d, want 101", other, got)
			}
		}
		quit(first)
		synctest.Wait()
		if got := a.knock(t, "X-Real-IP", "192.0.2.1").StatusCode; got != http.StatusSwitchingProtocols {
			t.Errorf("got %d when one has left, want 101", got)
		}
	})
}

// A client requests the same window again and again. The total sent is limited to
// a multiple of the events.
func TestReplaysOfAUserAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		r, at := a.fresh(t, "1")
		r.leave()
		const events, size = 200, 60_000
		for i := range events {
			sendEvent(t, a, pull.Shared(), event("x", map[string]any{"n": i, "x": strings.Repeat("x", size)}))
		}
		total, seen, last := 0, 0, at
		var refused int
		for range 20 {
			p, response, _ := a.tryDial(t, "?cursor="+last, userHeader, "1")
			if p == nil {
				refused = response.StatusCode
				break
			}
			bytes, closed := 0, false
			for !closed && bytes < events*size {
				_, frame, err := p.ReadMessage()
				if bytes += len(frame); err != nil {
					closed = true
					if !websocket.IsCloseError(err, 1012) {
						t.Errorf("got %v, want 1012: come back", err)
					}
				}
			}
			total += bytes
			seen++
			quit(p)
			synctest.Wait()
		}
		if limit := 64<<20 + 1<<20; total > limit || refused != http.StatusTooManyRequests {
			t.Errorf("%d bytes were replayed on %d connections, and then status %d; want %d at most, and then 429", total, seen, refused, limit)
		}
		if got := a.knock(t, userHeader, "1").StatusCode; got != http.StatusSwitchingProtocols {
			t.Errorf("a page without a cursor got %d, want 101", got)
		}
		if _, response, _ := a.tryDial(t, "?cursor="+at, userHeader, "2"); response.StatusCode != http.StatusSwitchingProtocols {
			t.Errorf("another user got %d, want 101", response.StatusCode)
		}
	})
}

// An interrupted replay continues where it stopped, until the page has everything.
func TestReplayThatIsCutShortLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.WindowBytes = 256 << 20 })
		defer a.stop(t)
		r, at := a.fresh(t, "1")
		r.leave()
		const events = 1150 // 69 MB
		for i := range events {
			sendEvent(t, a, pull.User("1"), event(strconv.Itoa(i), map[string]any{"x": strings.Repeat("x", 60_000)}))
		}
		next, came := 0, 0
		for next < events && came < 100 {
			p, response, _ := a.tryDial(t, "?cursor="+at, userHeader, "1")
			if p == nil {
				if response.StatusCode != http.StatusTooManyRequests {
					t.Fatalf("got %d, want 429", response.StatusCode)
				}
				pass(5 * time.Second)
				continue
			}
			came++
			epoch := p.hello(t).Params["epoch"].(string) //nolint:forcetypeassert // of the protocol
			for next < events {
				m, ok := p.more(t)
				if !ok {
					break
				}
				if m.ID > 0 {
					if m.Command != strconv.Itoa(next) {
						t.Fatalf("got event %s, want %d", m.Command, next)
					}
					next++
					at = fmt.Sprintf("%s.%d", epoch, m.ID)
				}
			}
			quit(p)
		}
		if next != events || came < 2 {
			t.Errorf("got %d events on %d connections, want %d on some", next, came, events)
		}
	})
}

// more returns the next message, or false if the server has closed the connection
// so that the page reconnects.
func (p *page) more(t *testing.T) (message, bool) {
	t.Helper()
	if len(p.waiting) == 0 {
		_, frame, err := p.ReadMessage()
		if websocket.IsCloseError(err, 1012) {
			return message{}, false
		}
		if err == nil {
			err = json.Unmarshal(frame, &p.waiting)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	m := p.waiting[0]
	p.waiting = p.waiting[1:]
	return m, true
}

// A limitedLog cannot hold messages above a size.
type limitedLog struct{ pull.Memory }

func (*limitedLog) MaxMessageBytes() int { return 1000 }

func TestEventThatTheLogCannotHoldIsTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.Broker = new(limitedLog) })
		defer a.stop(t)
		r, _ := a.fresh(t, "1")
		var size *pull.SizeError

		err := a.Send(t.Context(), pull.User("1"), event("large", strings.Repeat("x", 1000)))

		if !errors.As(err, &size) || size.Limit != 1000 || !errors.Is(err, pull.ErrTooLarge) {
			t.Errorf("got %v, want ErrTooLarge with the limit of the log", err)
		}
		send(t, a, pull.User("1"), "small")
		r.sees(t, "small")
	})
}

package pull_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

func TestGrantsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.Guests, c.GrantTTL = true, time.Hour })
		a.withGrants()
		defer a.stop(t)
		expired, _ := a.granted(t, "42", "A")
		pass(time.Hour)
		foreign, _ := a.granted(t, "7", "A")
		guests, _ := a.granted(t, "", "A")
		good, cursor := a.granted(t, "42", "A")
		forged := "A" + good[1:len(good)-1] + "A"
		want := map[string]string{expired: "expired", foreign: "foreign", guests: "foreign", forged: "forged", "no grant": "forged", good: "ok"}
		all := []string{expired, foreign, guests, forged, "no grant", good}

		p := a.dial(t, "42", presenting(cursor, all...))
		first := p.grants(t)
		p.asks(t, "watch", all...)

		for when, answer := range map[string]map[string]outcome{"in the handshake": first, "later": p.grants(t)} {
			for text, state := range want {
				if got := answer[text]; got.State != state || (got.Grant != "") != (state == "ok") {
					t.Errorf("%s: got %+v, want %s", when, got, state)
				}
			}
		}
		if got := a.Watch().Pages("A"); got != 1 {
			t.Errorf("%d pages watch the tag, want 1", got)
		}
	})
}

func TestWatchesOfAPageAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		var grants []string
		for i := range 66 {
			text, _ := a.granted(t, "", "T"+strings.Repeat("x", i))
			grants = append(grants, text)
		}
		many := make([]string, 60)
		for i := range many {
			many[i] = "M" + strings.Repeat("x", i/10) + string(rune('0'+i%10))
		}
		tags, _ := a.granted(t, "", many...)

		p := a.dial(t, "", presenting("", append([]string{tags}, grants...)...))
		answer := p.grants(t)

		states := make(map[string]int)
		for _, o := range answer {
			states[o.State]++
		}
		if states["ok"] != 41 || states["limit"] != 26 { // 60 tags and 40 of one each
			t.Errorf("got %v, want 41 within the limit of 100 tags", states)
		}
		p.asks(t, "unwatch", tags)
		p.asks(t, "watch", grants...)
		if answer = p.grants(t); answer[grants[63]].State != "ok" || answer[grants[64]].State != "limit" {
			t.Errorf("got %v and %v, want 64 grants at most", answer[grants[63]], answer[grants[64]])
		}
	})
}

func TestMalformedGrantsAreViolations(t *testing.T) {
	for name, frame := range map[string]string{
		"no list": `{"watch":"x"}`, "empty": `{"watch":[""]}`, "too long": `{"unwatch":["` + strings.Repeat("x", 2049) + `"]}`, "a number": `{"unwatch":[1]}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newGuestApp(t)
				defer a.stop(t)
				p := a.dial(t, "", "")
				p.hello(t)
				if err := p.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
					t.Fatal(err)
				}

				if code, _ := p.closed(t); code != 1008 {
					t.Errorf("closed with %d, want 1008", code)
				}
				if got := a.do(t, http.MethodPost, "/pull/watch", frame).StatusCode; got != http.StatusBadRequest {
					t.Errorf("a POST gets %d, want 400", got)
				}
			})
		})
	}
}

func TestHandshakeBoundsItsGrants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)

		for name, query := range map[string]string{
			"a large one": presenting("", strings.Repeat("x", 16<<10+1)),
			"empty ones":  "?" + strings.Repeat("watch&", 2000),
		} {
			_, response, err := a.tryDial(t, query)

			if err == nil || response.StatusCode != http.StatusRequestURITooLong {
				t.Errorf("%s: got %v, %v, want 414", name, response, err)
			}
		}
	})
}

// A request whose body comes late cannot watch what was sent before.
func TestGrantOfARequestWithABodyCountsFromItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		var text string
		a.echo.POST("/granted", func(c echo.Context) error {
			send(t, a, pull.Tag("A"), "before")
			synctest.Wait()
			if err := c.Request().ParseForm(); err != nil {
				return err
			}
			var err error
			text, err = a.Grant(c, "A")
			return err
		})
		_, cursor := a.granted(t, "42", "A")
		a.do(t, http.MethodPost, "/granted", "x=1", userHeader, "42", "Content-Type", echo.MIMEApplicationForm)
		send(t, a, pull.Tag("A"), "after")

		p := a.dial(t, "42", presenting(cursor, text))

		p.gets(t, a, "after")
	})
}

func TestGrantsNeedPossibleTags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		long := make(url.Values)
		for _, letter := range "abcdef" {
			long.Add("tag", strings.Repeat(string(letter), 255))
		}
		for name, query := range map[string]string{"none": "", "empty": "tag=", "control character": "tag=%0a", "too many": strings.Repeat("tag=x&", 101), "too long": long.Encode()} {
			if got := a.get(t, "/granted?"+query, userHeader, "42").StatusCode; got != http.StatusInternalServerError {
				t.Errorf("%s: got %d, want an error", name, got)
			}
		}
	})
}

func TestGrantLivesAsLongAsConfigured(t *testing.T) {
	for _, ttl := range []time.Duration{time.Second, time.Hour, longest} {
		synctest.Test(t, func(t *testing.T) {
			a := newApp(t, func(c *pull.Config) { c.GrantTTL = ttl })
			a.withGrants()
			defer a.stop(t)
			text, _ := a.granted(t, "42", "A")
			pass(min(ttl, 1000*time.Hour) - time.Second)
			p := a.dial(t, "42", "")
			p.hello(t)
			if state, _ := p.watches(t, text); state == "expired" {
				t.Errorf("a grant for %s has expired before", ttl)
			}
			pass(time.Second)

			if state, _ := p.watches(t, text); (state == "expired") != (ttl != longest) {
				t.Errorf("after %s: got %q", ttl, state)
			}
		})
	}
}

func TestSecretOfTheGrants(t *testing.T) {
	if _, err := pull.New(pull.Config{User: func(echo.Context) (string, error) { return "", nil }, Secret: make([]byte, 31)}); err == nil {
		t.Error("a secret of 31 bytes was accepted")
	}
	if _, err := pull.New(pull.Config{User: func(echo.Context) (string, error) { return "", nil }, GrantTTL: time.Millisecond}); err == nil {
		t.Error("a GrantTTL of a millisecond was accepted")
	}
	synctest.Test(t, func(t *testing.T) {
		a := newFaults().node(t)
		a.withGrants()
		defer a.stop(t)
		if got := a.get(t, "/granted?tag=A").StatusCode; got != http.StatusInternalServerError {
			t.Errorf("got %d, want an error: nodes that share a log need a secret", got)
		}
	})
}

func TestGrantsOutliveAPlannedRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newProcesses(t)
		defer s.close()
		first := s.start()
		first.withGrants()
		text, cursor := first.granted(t, "1", "A")
		send(t, first, pull.Tag("A"), "before")
		first.stop(t)
		second := s.start()
		defer second.stop(t)
		send(t, second, pull.Tag("A"), "after")

		p := second.dial(t, "1", presenting(cursor, text))

		if got := p.grants(t)[text].State; got != "ok" {
			t.Errorf("got %q, want ok", got)
		}
		p.gets(t, second, "before", "after")
	})
}

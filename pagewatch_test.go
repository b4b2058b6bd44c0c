package pull_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// withGrants adds a page that grants the tags in its query, and shows the cursor.
func (a *app) withGrants() {
	a.echo.GET("/granted", func(c echo.Context) error {
		text, err := a.Grant(c, c.QueryParams()["tag"]...)
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, text+" "+pull.From(c.Request().Context()).Cursor())
	})
}

// granted renders a page of a user, and returns the grant of the tags in it, and its
// cursor.
func (a *app) granted(t *testing.T, user string, tags ...string) (grant, cursor string) {
	t.Helper()
	response := a.get(t, "/granted?"+url.Values{"tag": tags}.Encode(), userHeader, user)
	grant, cursor, ok := strings.Cut(text(response), " ")
	if !ok {
		t.Fatalf("got %d %s, want a grant", response.StatusCode, grant)
	}
	return grant, cursor
}

// presenting returns the query of a page with a cursor and grants.
func presenting(cursor string, grants ...string) string {
	query := url.Values{"watch": grants}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	return "?" + query.Encode()
}

// An outcome is what became of a grant.
type outcome struct{ State, Grant string }

// grants returns the next answer to grants.
func (p *page) grants(t *testing.T) map[string]outcome {
	t.Helper()
	for {
		if m := p.next(t); m.Command == "grants" {
			return outcomes(t, m.Params)
		}
	}
}

func outcomes(t *testing.T, params map[string]any) map[string]outcome {
	t.Helper()
	raw, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]outcome)
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// asks sends a request about grants over the WebSocket.
func (p *page) asks(t *testing.T, what string, grants ...string) {
	t.Helper()
	if err := p.WriteJSON(map[string][]string{what: grants}); err != nil {
		t.Fatal(err)
	}
}

// watches has a page watch what a grant permits, and returns the state and the renewed grant.
func (p *page) watches(t *testing.T, grant string) (state, renewed string) {
	t.Helper()
	p.asks(t, "watch", grant)
	o := p.grants(t)[grant]
	return o.State, o.Grant
}

// gets checks which events a page receives next; the last one is sent to everyone.
func (p *page) gets(t *testing.T, a *app, want ...string) {
	t.Helper()
	send(t, a, pull.Shared(), "last")
	var got []string
	for {
		m := p.event(t)
		if m.Command == "last" {
			break
		}
		got = append(got, m.Command)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func newGuestApp(t *testing.T) *app {
	t.Helper()
	a := newApp(t, func(c *pull.Config) { c.Guests = true })
	a.withGrants()
	return a
}

func TestPageWatchesWhatItsGrantPermits(t *testing.T) {
	for name, user := range map[string]string{"user": "42", "guest": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newGuestApp(t)
				defer a.stop(t)
				grant, cursor := a.granted(t, user, "ARTICLE_5")
				send(t, a, pull.Tag("ARTICLE_5"), "on.the.way")
				send(t, a, pull.Tag("ARTICLE_6"), "another")

				p := a.dial(t, user, presenting(cursor, grant))

				if hello := p.hello(t); hello.Params["recovered"] != true {
					t.Errorf("got %v, want a page that recovers", hello.Params)
				}
				if m := p.next(t); m.Command != "grants" {
					t.Errorf("after hello came %s, want grants", m.Command)
				} else if o := outcomes(t, m.Params)[grant]; o.State != "ok" || o.Grant == "" || o.Grant == grant {
					t.Errorf("got %+v, want ok and a renewed grant", o)
				}
				send(t, a, pull.Tag("ARTICLE_5").Or(pull.Tag("ARTICLE_5", "ARTICLE_7")), "live")
				p.gets(t, a, "on.the.way", "live")
			})
		})
	}
}

func TestWatchOfAPageIsThePagesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		grant, cursor := a.granted(t, "42", "A")
		p, other := a.dial(t, "42", presenting(cursor, grant)), a.dial(t, "42", "")
		p.grants(t)
		other.hello(t)

		send(t, a, pull.Tag("A"), "a")

		p.gets(t, a, "a")
		other.gets(t, a)
		if got := a.Watch().Users("A"); len(got) != 0 {
			t.Errorf("got the watchers %v, want none: no user watches the tag", got)
		}
	})
}

func TestUnionsAndExceptionsHoldForWatchesOfPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		grant(t, a, "42", "A")
		mine, cursor := a.granted(t, "42", "A", "B")
		p := a.dial(t, "42", presenting(cursor, mine)+"&client=me")
		p.grants(t)
		theirs, _ := a.granted(t, "", "A")
		guest := a.dial(t, "", presenting(cursor, theirs))
		guest.grants(t)

		send(t, a, pull.Tag("A", "B").Or(pull.User("42")).Or(pull.Shared().Except("7")), "once")
		send(t, a, pull.Tag("A").Except("42"), "not.for.42")
		a.echo.POST("/own", pull.Handler(func(c pull.Context) error {
			e := event("own", nil)
			e.ExceptSender = true
			return c.Pull().Send(pull.Tag("A"), e)
		}))
		a.do(t, http.MethodPost, "/own", "", userHeader, "42", pull.HeaderClient, "me")

		p.gets(t, a, "once")
		guest.gets(t, a, "once", "not.for.42", "own")
	})
}

func TestLaterGrantBeginsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		p := a.dial(t, "", "")
		p.hello(t)
		grant, _ := a.granted(t, "", "A")
		send(t, a, pull.Tag("B"), "another")

		if state, _ := p.watches(t, grant); state != "ok" {
			t.Errorf("got %q, want ok: nothing was sent to the tag", state)
		}
		send(t, a, pull.Tag("A"), "live")
		p.gets(t, a, "live")
	})
}

func TestLaterGrantNotifiesOfWhatIsBetween(t *testing.T) {
	for name, c := range map[string]struct {
		cursor bool // the page has one
		to     pull.Target
		ttl    time.Duration
		want   string
	}{
		"to the tag":              {true, pull.Tag("A"), 0, "gap"},
		"to everyone as well":     {true, pull.Tag("A").Or(pull.Shared()), 0, "ok"},
		"to the user as well":     {true, pull.Tag("A").Or(pull.User("42")), 0, "ok"},
		"the page began later":    {false, pull.Tag("A").Or(pull.Shared()), 0, "gap"},
		"not to this user":        {true, pull.Tag("A").Except("42"), 0, "ok"},
		"has expired":             {true, pull.Tag("A"), time.Second, "ok"},
		"a watch of the user has": {true, pull.Tag("A", "USERS"), 0, "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newGuestApp(t)
				defer a.stop(t)
				grant(t, a, "42", "USERS")
				_, cursor := a.granted(t, "42", "A")
				p := a.dial(t, "42", presenting(cursor))
				p.hello(t)
				text, _ := a.granted(t, "42", "A")
				e := event("between", nil)
				e.TTL = c.ttl
				sendEvent(t, a, c.to, e)
				pass(3 * time.Second)
				synctest.Wait()
				if !c.cursor {
					p = a.dial(t, "42", "")
					p.hello(t)
				}

				if state, _ := p.watches(t, text); state != c.want {
					t.Errorf("got %q, want %q", state, c.want)
				}
				if state, _ := p.watches(t, text); state != "ok" {
					t.Errorf("again: got %q, want ok: it is no new watch", state)
				}
			})
		})
	}
}

// A page that is connected has got each of the events of which the window keeps the last.
func TestLaterGrantIsNotNotifiedOfWhatWasReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		text, cursor := a.granted(t, "42", "A")
		p := a.dial(t, "42", presenting(cursor))
		p.hello(t)
		for range 3 {
			e := event("state", nil)
			e.Key, e.Keep = "k", pull.Last
			sendEvent(t, a, pull.Tag("A").Or(pull.Shared()), e)
			p.event(t)
		}

		if state, _ := p.watches(t, text); state != "ok" {
			t.Errorf("got %q, want ok: the page has them", state)
		}
	})
}

// A page that reconnects with what the server has acknowledged gets what it missed.
func TestPageThatReconnectsGetsWhatItsWatchesMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		first, at := a.granted(t, "", "A")
		p := a.dial(t, "", presenting(at, first))
		renewed := p.grants(t)[first].Grant
		later, _ := a.granted(t, "", "B", "C")
		_, second := p.watches(t, later)
		for round := range 3 {
			send(t, a, pull.Tag("A"), "seen")
			seen := p.event(t)
			quit(p)
			pass(time.Minute)
			for _, to := range []string{"A", "D", "B", "C"} {
				send(t, a, pull.Tag(to), "missed."+to)
			}

			cursor := fmt.Sprint(strings.Split(at, ".")[0], ".", seen.ID)
			p = a.dial(t, "", presenting(cursor, renewed, second))

			answer := p.grants(t)
			if one, two := answer[renewed], answer[second]; one.State != "ok" || two.State != "ok" {
				t.Fatalf("round %d: got %v, want both ok", round, answer)
			}
			renewed, second = answer[renewed].Grant, answer[second].Grant
			p.gets(t, a, "missed.A", "missed.B", "missed.C")
		}
	})
}

// A page is past what was sent between its grant and its cursor, even if that was for
// the page in other ways, too.
func TestOldGrantOfANewerPageIsAGap(t *testing.T) {
	for name, to := range map[string]pull.Target{"to the tag": pull.Tag("A"), "to the user as well": pull.Tag("A").Or(pull.User("42"))} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newGuestApp(t)
				defer a.stop(t)
				old, _ := a.granted(t, "42", "A")
				unrelated, _ := a.granted(t, "42", "B")
				send(t, a, to, "between")
				synctest.Wait()
				_, cursor := a.granted(t, "42", "A")

				p := a.dial(t, "42", presenting(cursor, old, unrelated))

				if answer := p.grants(t); answer[old].State != "gap" || answer[unrelated].State != "ok" {
					t.Errorf("got %v, want a gap, and for the other tag none", answer)
				}
				p = a.dial(t, "42", presenting(cursor))
				p.hello(t)
				if state, _ := p.watches(t, old); state != "gap" {
					t.Errorf("got %q for a later grant, want a gap", state)
				}
				defer a.html(t, "42", granting("htmx", old)+"&cursor="+cursor).close()
				synctest.Wait()
				counts(t, "gaps", a.Stats().GapsBy, map[string]uint64{"grant": 3})
			})
		})
	}
}

// A browser's EventSource repeats its first address.
func TestStreamThatRepeatsItsGrantsGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		text, cursor := a.granted(t, "", "A")
		s := a.stream(t, "", presenting(cursor, text))
		s.next(t)
		send(t, a, pull.Tag("A"), "seen")
		id, _ := s.next(t)
		s.close()
		send(t, a, pull.Tag("A"), "missed")

		s = a.stream(t, "", presenting(cursor, text), "Last-Event-ID", id)
		defer s.close()

		_, messages := s.next(t)
		i := slices.IndexFunc(messages, func(m message) bool { return m.Command == "missed" })
		if i < 0 || messages[1].Command != "grants" || outcomes(t, messages[1].Params)[text].State != "ok" {
			t.Errorf("got %+v, want hello, ok, and what was missed", messages)
		}
	})
}

func TestUnwatchEndsOnlyWhatNoOtherGrantHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		both, cursor := a.granted(t, "", "A", "B")
		one, _ := a.granted(t, "", "A")
		p := a.dial(t, "", presenting(cursor, both, one))
		renewed := p.grants(t)[both].Grant

		p.asks(t, "unwatch", renewed, "nonsense")
		synctest.Wait()
		send(t, a, pull.Tag("A"), "a")
		send(t, a, pull.Tag("B"), "b")
		p.gets(t, a, "a")
		p.asks(t, "unwatch", one)
		synctest.Wait()
		send(t, a, pull.Tag("A"), "a")
		p.gets(t, a)

		if got := a.Watch().Pages("A") + a.Watch().Pages("B"); got != 0 {
			t.Errorf("%d watches of pages are left, want none", got)
		}
	})
}

func TestStreamWatchesByPost(t *testing.T) {
	for name, user := range map[string]string{"user": "42", "guest": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newGuestApp(t)
				defer a.stop(t)
				s := a.stream(t, user, "?client=me")
				defer s.close()
				s.next(t)
				text1, _ := a.granted(t, user, "A")
				post := func(what, path string, headers ...string) (int, string) {
					r := a.do(t, http.MethodPost, path, `{"`+what+`":["`+text1+`"]}`, append(headers, userHeader, user)...)
					return r.StatusCode, text(r)
				}

				if status, body := post("watch", "/pull/watch", pull.HeaderClient, "me"); status != http.StatusOK || !strings.Contains(body, `"state":"ok"`) {
					t.Errorf("got %d %s, want ok", status, body)
				}
				send(t, a, pull.Tag("A"), "live")
				if _, messages := s.next(t); messages[0].Command != "live" {
					t.Errorf("got %v, want the event", messages)
				}
				if status, body := post("unwatch", "/pull/watch?client=me"); status != http.StatusOK || strings.TrimSpace(body) != "{}" {
					t.Errorf("got %d %s, want 200 {}", status, body)
				}
				if got := a.Watch().Pages("A"); got != 0 {
					t.Errorf("%d pages watch, want none", got)
				}
				if status, _ := post("watch", "/pull/watch", pull.HeaderClient, "other"); status != http.StatusNotFound {
					t.Errorf("got %d for a connection that is not here, want 404", status)
				}
			})
		})
	}
}

func TestDisconnectEndsWatchesOfPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		grant, cursor := a.granted(t, "42", "A")
		p := a.dial(t, "42", presenting(cursor, grant))
		p.grants(t)

		a.disconnect(t, "42")

		if code, _ := p.closed(t); code != 4003 {
			t.Errorf("closed with %d, want 4003", code)
		}
		synctest.Wait()
		if got := a.Watch().Pages("A"); got != 0 {
			t.Errorf("%d pages watch, want none", got)
		}
	})
}

func TestWatchesOfPagesInParallel(t *testing.T) {
	a := newGuestApp(t)
	defer a.stop(t)
	var pages sync.WaitGroup
	for i := range 8 {
		pages.Go(func() {
			for range 3 { // fewer requests than the limit of three users
				grant, cursor := a.granted(t, strconv.Itoa(i%3), "A", "B"+strconv.Itoa(i))
				p := a.dial(t, strconv.Itoa(i%3), presenting(cursor, grant))
				p.grants(t)
				p.asks(t, "unwatch", grant)
				p.asks(t, "watch", grant)
				p.grants(t)
				send(t, a, pull.Tag("A"), "update")
				p.event(t)
				a.Watch().Pages("A")
				a.Presence().At("A")
				_ = p.Close()
			}
		})
	}
	pages.Wait()
}

// A page that has got each event of a series has not missed those that a later one
// replaces.
func TestLaterGrantCountsWhatTheLastOfASeriesReplaces(t *testing.T) {
	for name, c := range map[string]struct {
		first, second pull.Target
		want          string
	}{
		"the page has both": {pull.Tag("A").Or(pull.Shared()), pull.Tag("A").Or(pull.Shared()), "ok"},
		"the page has none": {pull.Tag("A"), pull.Tag("A"), "gap"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newGuestApp(t)
				defer a.stop(t)
				_, cursor := a.granted(t, "42", "A")
				p := a.dial(t, "42", presenting(cursor))
				p.hello(t)
				text, _ := a.granted(t, "42", "A")
				for _, to := range []pull.Target{c.first, c.second} {
					e := event("between", nil)
					e.Key, e.Keep = "k", pull.Last
					sendEvent(t, a, to, e)
				}
				synctest.Wait()

				if state, _ := p.watches(t, text); state != c.want {
					t.Errorf("got %q, want %q", state, c.want)
				}
			})
		})
	}
}

// A grant that is presented twice in one request does not hide that something was
// missed.
func TestGrantPresentedTwiceIsStillAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		p := a.dial(t, "", "")
		p.hello(t)
		text, _ := a.granted(t, "", "A")
		send(t, a, pull.Tag("A"), "between")
		synctest.Wait()

		p.asks(t, "watch", text, text)

		if got := p.grants(t)[text].State; got != "gap" {
			t.Errorf("got %q, want a gap", got)
		}
	})
}

package pull_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/echo-pull/pull"
)

const tabsOfOne = "?protocol=2&client=conn"

// at returns the cursor that a hello contains, as a part of a query.
func at(hello message) string {
	return fmt.Sprintf("&cursor=%s.%d", hello.Params["epoch"], uint64(hello.Params["offset"].(float64)))
}

// withTabs adds requests of tabs: one sends an event that excepts its sender and then one
// that does not.
func withTabs(t *testing.T, extra map[string]any, perUser map[string]any) *app {
	t.Helper()
	a := newApp(t, nil)
	a.echo.GET("/", pull.Handler(func(c pull.Context) error {
		e := event("update", map[string]any{"a": 1})
		e.ExceptSender, e.Extra, e.PerUser = true, extra, perUser
		if err := c.Pull().Send(pull.Shared(), e); err != nil {
			return err
		}
		return c.Pull().Send(pull.Shared(), event("last", nil))
	}))
	return a
}

// The connection of several tabs gets an event that one of them has caused, and which one.
func TestExceptSenderOfATabNamesTheTab(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := withTabs(t, map[string]any{"color": "red"}, map[string]any{"42": map[string]any{"mine": true}})
		defer a.stop(t)
		stream := a.stream(t, "42", tabsOfOne)
		stream.hello(t)
		tabs, mine, other := a.dial(t, "42", tabsOfOne), a.dial(t, "42", "?client=other"), a.dial(t, "7", tabsOfOne)
		cursor := at(tabs.hello(t))
		for _, p := range []*page{mine, other} {
			p.hello(t)
		}

		a.get(t, "/", pull.HeaderClient, "conn_3", userHeader, "42")

		back := a.dial(t, "42", tabsOfOne+cursor)
		back.hello(t)
		if _, m := stream.event(t); m.Extra["tab"] != "3" {
			t.Errorf("the tabs' stream got %v, want the tab 3", m.Extra)
		}
		for _, row := range []struct {
			name      string
			p         *page
			tab, mine any
		}{
			{"the tabs' page", tabs, "3", true},
			{"their page in a replay", back, "3", true},
			{"another page", mine, nil, true},
			{"another user's page with the same id", other, nil, nil},
		} {
			first, second := row.p.event(t), row.p.event(t)
			if got := []any{first.Command, first.Extra["tab"], first.Extra["color"], first.Params["mine"], second.Extra["tab"]}; got[0] != "update" || got[1] != row.tab || got[2] != "red" || got[3] != row.mine || got[4] != nil {
				t.Errorf("%s got %v, want the tab %v and mine %v", row.name, got, row.tab, row.mine)
			}
		}
	})
}

// An event without anything else in extra has the tab, in both versions of the protocol.
func TestTabIsAllThereIsInExtra(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := withTabs(t, nil, nil)
		defer a.stop(t)
		tabs, old, itself := a.dial(t, "42", tabsOfOne), a.dial(t, "42", "?protocol=1&client=conn"), a.dial(t, "42", "?client=conn_3")
		for _, p := range []*page{tabs, old, itself} {
			p.hello(t)
		}

		a.get(t, "/", pull.HeaderClient, "conn_3", userHeader, "42")

		for _, p := range []*page{tabs, old} {
			if m := p.event(t); m.Command != "update" || m.Extra["tab"] != "3" {
				t.Errorf("got %s with %v, want update of tab 3", m.Command, m.Extra)
			}
		}
		if got := itself.event(t).Command; got != "last" {
			t.Errorf("the page with the very id got %s first, want last", got)
		}
	})
}

// A request of a tab is one of the page with its connection.
func TestRequestOfATabConcernsItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.withGrants()
		grant, cursor := a.granted(t, "42", "TASK_7")
		p := a.stream(t, "42", tabsOfOne+"&cursor="+cursor)
		p.hello(t)

		response := a.do(t, http.MethodPost, "/pull/watch", `{"watch":["`+grant+`"]}`, pull.HeaderClient, "conn_12", userHeader, "42")

		if body := text(response); response.StatusCode != http.StatusOK || !strings.Contains(body, `"ok"`) {
			t.Fatalf("got %d %s, want the grant in force", response.StatusCode, body)
		}
		send(t, a, pull.Tag("TASK_7"), "update")
		if _, got := p.event(t); got.Command != "update" {
			t.Errorf("the page got %s, want update", got.Command)
		}
	})
}

// What a tab has caused replaces nothing for it: it may never get the later event.
func TestEventOfATabReplacesNothingForItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		n := 0
		a.echo.GET("/", pull.Handler(func(c pull.Context) error {
			n++
			e := event("update", map[string]any{"n": n})
			e.ExceptSender, e.Keep, e.Key = true, pull.Last, "k"
			return c.Pull().Send(pull.User("42"), e)
		}))
		p := a.dial(t, "42", tabsOfOne)
		cursor := at(p.hello(t))
		for range 3 {
			a.get(t, "/", pull.HeaderClient, "conn_3", userHeader, "42")
		}

		back, other := a.dial(t, "42", tabsOfOne+cursor), a.dial(t, "42", "?client=other"+cursor)

		for _, row := range []struct {
			p    *page
			want []float64
		}{{back, []float64{1, 2, 3}}, {other, []float64{3}}} {
			row.p.hello(t)
			for _, want := range row.want {
				if got := row.p.event(t).Params["n"]; got != want {
					t.Errorf("got event %v, want %v", got, want)
				}
			}
		}
	})
}

func TestHeadTellsThePageToShare(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		s := newSite(t, func(c *pull.Config) { c.Shared = shared })
		s.Mount(s.Group("/pull"))
		s.GET("/page", s.page)
		if got := strings.Contains(s.serve(http.MethodGet, "/page").Body.String(), `data-shared="true"`); got != shared {
			t.Errorf("with Shared %t the tag says %t", shared, got)
		}
	}
}

// A message of a tab reaches its connection for the other tabs, as a message of a page.
func TestMessageOfATabReachesTheOtherTabs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := talking(t, nil)
		defer a.stop(t)
		tabs, old := connected(t, a, "42", tabsOfOne), connected(t, a, "42", "?client=conn")
		mine, other := connected(t, a, "42", "?client=other"), connected(t, a, "7", tabsOfOne)
		stream := a.stream(t, "7", tabsOfOne)
		stream.hello(t)
		defer stream.close()

		state := tabs.says(t, saying("frame", "users", []string{"42", "7"}, "tab", "3"))
		posted := a.do(t, http.MethodPost, "/pull/send", `{"n": 5, "users": ["42"], "module": "im", "command": "post"}`, userHeader, "42", pull.HeaderClient, "conn_3")

		if got := trimmed(posted); state != "ok" || got != `{"n":5,"state":"ok"}` {
			t.Errorf("the messages were answered %s and %s", state, got)
		}
		for _, row := range []struct {
			name string
			p    *page
			tab  any
		}{{"the tabs' page", tabs, "3"}, {"one with version 1", old, "3"}, {"another page", mine, nil}} {
			for _, want := range []string{"frame", "post"} {
				m := row.p.hears(t)
				if m.Command != want || m.ID != 0 || !reflect.DeepEqual(m.Extra["sender"], sentBy("42")) || m.Extra["tab"] != row.tab {
					t.Errorf("%s got %+v, want the message %s of the tab %v", row.name, m, want, row.tab)
				}
			}
		}
		if m := other.hears(t); m.Command != "frame" || m.Extra["tab"] != nil {
			t.Errorf("another user's page with the same id got %+v", m)
		}
		for _, p := range []*page{tabs, mine} {
			p.hearsOnly(t, a)
		}
		for _, tab := range []string{"x", "", "12345678901", "3/7", "_3"} {
			tabs.says(t, saying("none", "users", []string{"42"}, "tab", tab))
			tabs.hearsOnly(t, a)
		}
	})
}

package pull_test

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

func TestInspectorHasEventsToChooseFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, nil)
		defer a.stop(t)
		send(t, a, pull.User("43"), "update")
		send(t, a, pull.Tag("PROJECT_7"), "another")
		for query, want := range map[string]string{
			"user=42":                     "tasks:another tasks:update",
			"user=42&offset=":             "tasks:another tasks:update",
			"user=&offset=":               "tasks:another tasks:update",
			"user=42&part=Project":        "tasks:another",
			"user=42&part=+update+":       "tasks:update",
			"user=42&part=user+43":        "tasks:update",
			"user=42&part=something+else": "",
		} {
			page := a.inspect(t, "/why?"+query)
			var got []string
			for _, row := range regexp.MustCompile(`class="name">([^<]*)<`).FindAllStringSubmatch(page, -1) {
				got = append(got, row[1])
			}
			if strings.Join(got, " ") != want || strings.Contains(page, `class="verdict`) {
				t.Errorf("%s: the events are %q, want %q, and no verdict:\n%s", query, got, want, page)
			}
			user := url.Values{"user": {""}}
			if strings.HasPrefix(query, "user=42") {
				user.Set("user", "42")
			}
			if links := strings.Count(page, "why?"+user.Encode()+"&amp;offset="); links != len(got) {
				t.Errorf("%s: %d links to explanations, want %d", query, links, len(got))
			}
		}
	})
}

func TestOffsetsAreTakenAsTheyAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, nil)
		defer a.stop(t)
		for range 1100 {
			send(t, a, pull.User("42"), "update")
		}
		if page := a.inspect(t, "/message?offset=1,050"); !strings.Contains(page, "tasks:update") {
			t.Errorf("no event is shown:\n%s", page)
		}
	})
}

func TestOverviewShowsSinceWhenItRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, nil)
		defer a.stop(t)
		since := "recorded since " + time.Now().UTC().Format(time.TimeOnly)
		for passed := time.Duration(0); passed < 4*time.Minute; passed += 20 * time.Second {
			if overview := a.inspect(t, ""); !strings.Contains(overview, since) {
				t.Fatalf("after %s, the page does not show %q:\n%s", passed, since, overview)
			}
			pass(20 * time.Second)
		}
		for range 5 {
			a.inspect(t, "")
			pass(20 * time.Second)
		}
		if overview := a.inspect(t, ""); strings.Contains(overview, "recorded since") {
			t.Errorf("the plots do not cover five minutes after more than that:\n%s", overview)
		}
	})
}

func TestInspectorShowsWhichNodeHasRenderedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, nil)
		defer a.stop(t)
		want := "<footer>Node <code>" + a.Stats().Node + "</code>, " + time.Now().UTC().Format(time.DateTime) + " UTC"
		for _, path := range []string{"", "/user?id=42", "/message", "/why"} {
			if page := a.inspect(t, path); !strings.Contains(page, want) {
				t.Errorf("%q: no %q in\n%s", path, want, page)
			}
		}
	})
}

func TestInspectorShowsThatAUserIsNotHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, nil)
		defer a.stop(t)
		p := a.dial(t, "42", "")
		p.hello(t)
		_ = p.Close()
		synctest.Wait()
		if page := a.inspect(t, "/user?id=42"); !strings.Contains(page, "or has left a moment ago") {
			t.Errorf("the page of a user who is online without a connection:\n%s", page)
		}
		pass(time.Hour)
		if page := a.inspect(t, "/user?id=42"); strings.Contains(page, "or has left a moment ago") {
			t.Errorf("the page of a user who has left:\n%s", page)
		}
	})
}

func TestInspectorDoesNotListItsOwnUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newInspected(t, nil)
		defer a.stop(t)
		p := a.dial(t, "root", "?watch="+url.QueryEscape(grantOn(t, a.inspect(t, ""))))
		p.hello(t)
		send(t, a, pull.User("42"), "update")
		for range 3 {
			p.event(t)
		}
		for _, path := range []string{"", "/why?user=root", "/user?id=root"} {
			if page := a.inspect(t, path); strings.Contains(page, "pull:render") {
				t.Errorf("%q lists updates of the overview:\n%s", path, page)
			}
		}
		if page := a.inspect(t, ""); strings.Count(page, `<figure class="bad">`) != 1 || !strings.Contains(page, "tasks:update") {
			t.Errorf("the overview does not show an event, and the plot of problems as one:\n%s", page)
		}
	})
}

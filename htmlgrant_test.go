package pull_test

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// granting returns the query of a html stream with grants, and no cursor.
func granting(format string, grants ...string) string {
	return "?" + url.Values{"format": {format}, "grant": grants}.Encode()
}

// place renders a fragment for a place to a tag.
func (a *app) place(t *testing.T, tag, selector string) {
	t.Helper()
	f := pull.Fragment{Selector: selector, HTML: template.HTML("x")}
	if err := a.Render(t.Context(), pull.Tag(tag), f); err != nil {
		t.Fatal(err)
	}
}

// places checks which places the page shows next; the last one is shown to everyone.
func (p *htmlPage) places(t *testing.T, a *app, want ...string) {
	t.Helper()
	a.render(t, pull.Fragment{Selector: "#last", HTML: template.HTML("x")})
	var got []string
	for {
		shown := p.shown(t).data
		i := slices.IndexFunc(want, func(s string) bool { return strings.Contains(shown, s) })
		switch {
		case strings.Contains(shown, "#last"):
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			return
		case i >= 0:
			got = append(got, want[i])
		default:
			got = append(got, shown)
		}
	}
}

var htmlFormats = []string{"htmx", "htmx2", "datastar"}

func TestHTMLStreamBeginsWhereItsGrantWasRendered(t *testing.T) {
	for _, format := range htmlFormats {
		for name, user := range map[string]string{"user": "42", "guest": ""} {
			t.Run(format+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := newGuestApp(t)
					defer a.stop(t)
					a.place(t, "A", "#before")
					synctest.Wait()
					grant, _ := a.granted(t, user, "A")
					a.place(t, "A", "#onTheWay")
					a.place(t, "B", "#another")

					p := a.html(t, user, granting(format, grant))

					if got := p.next(t); got.data != "" {
						t.Errorf("got %+v first, want the position alone", got)
					}
					a.place(t, "A", "#live")
					a.place(t, "B", "#another")
					p.places(t, a, "#onTheWay", "#live")
					if got := a.Watch().Pages("A"); got != 1 {
						t.Errorf("%d pages watch the tag, want 1", got)
					}
					if got := a.Presence().At("A"); (user != "") != slices.Equal(got, []string{user}) {
						t.Errorf("%q are at the tag, want the user alone", got)
					}
					p.close()
					if got := a.Watch().Pages("A"); got != 0 {
						t.Errorf("%d pages watch the tag, want none: the page is closed", got)
					}
				})
			})
		}
	}
}

// Parts of a page that were rendered one after the other: the stream begins at the
// first, and each tag counts from its own part.
func TestHTMLStreamBeginsAtTheFirstOfItsGrants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		first, _ := a.granted(t, "", "A")
		a.place(t, "A", "#a1")
		a.place(t, "B", "#b1")
		synctest.Wait()
		second, _ := a.granted(t, "", "B")
		a.place(t, "B", "#b2")
		a.place(t, "A", "#a2")

		p := a.html(t, "", granting("htmx", second, first))
		defer p.close()

		p.places(t, a, "#a1", "#b2", "#a2")
	})
}

// The page is past what was sent between its grant and its cursor.
func TestHTMLStreamWithAnOldGrantAndACursorIsNotifiedOfAGap(t *testing.T) {
	for between, want := range map[string]string{"A": "pull:gap", "B": ""} {
		synctest.Test(t, func(t *testing.T) {
			a := newGuestApp(t)
			defer a.stop(t)
			grant, _ := a.granted(t, "", "A")
			a.place(t, between, "#between")
			synctest.Wait()
			_, cursor := a.granted(t, "", "A")

			p := a.html(t, "", granting("htmx", grant)+"&cursor="+cursor)
			defer p.close()

			if got := p.next(t); got.event != want || got.id != cursor {
				t.Errorf("with an event to %s between: got %+v, want %q at %s", between, got, want, cursor)
			}
			a.place(t, "A", "#after")
			p.places(t, a, "#after")
		})
	}
}

// A client cannot be told otherwise that it does not watch.
func TestHTMLStreamIsRefusedWithItsGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.Guests, c.GrantTTL = true, time.Hour })
		defer a.stop(t)
		a.withGrants()
		expired, _ := a.granted(t, "42", "A")
		pass(2 * time.Hour)
		good, _ := a.granted(t, "42", "A")
		foreign, _ := a.granted(t, "7", "A")
		guests, _ := a.granted(t, "", "A")
		var tags [101]string
		for i := range tags {
			tags[i] = strconv.Itoa(i)
		}
		most, _ := a.granted(t, "42", tags[1:]...)
		other, _ := a.granted(t, "42", tags[:1]...)
		for _, tc := range []struct {
			name, want string
			grants     []string
		}{
			{"good", "", []string{good}},
			{"good, twice", "", []string{good, good}},
			{"as many tags as possible", "", []string{most, most}},
			{"expired", "expired", []string{good, expired}},
			{"forged", "forged", []string{"AQ" + good[2:20]}},
			{"empty", "forged", []string{""}},
			{"another user's", "foreign", []string{foreign}},
			{"for guests", "foreign", []string{guests}},
			{"too many tags", "limit", []string{most, other}},
		} {
			p := a.html(t, "42", granting("htmx", tc.grants...))
			body := ""
			if p.StatusCode != http.StatusOK {
				body = text(p.Response)
			}
			p.close()

			status := map[bool]int{true: http.StatusOK, false: http.StatusForbidden}[tc.want == ""]
			if p.StatusCode != status || !strings.Contains(body, tc.want) {
				t.Errorf("%s: got %d %s, want %d and %q", tc.name, p.StatusCode, body, status, tc.want)
			}
		}
	})
}

// A page gets what it has missed while its connection, or the server, was away.
func TestHTMLStreamWithGrantsResumesFromLastEventID(t *testing.T) {
	for _, format := range htmlFormats {
		t.Run(format, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "state")
				start := func() *app {
					a := newApp(t, func(c *pull.Config) { c.Guests, c.StateFile = true, file })
					a.withGrants()
					return a
				}
				a := start()
				grant, _ := a.granted(t, "", "A")
				query := granting(format, grant) // the client repeats its address
				p := a.html(t, "", query)
				for _, restart := range []bool{false, true, false} {
					a.place(t, "A", "#seen")
					p.places(t, a, "#seen")
					p.close()
					a.place(t, "B", "#another")
					a.place(t, "A", "#missed")
					if restart {
						a.stop(t)
						a = start()
					}
					a.place(t, "A", "#late")

					p = a.html(t, "", query, "Last-Event-ID", p.lastID)

					p.places(t, a, "#missed", "#late")
				}
				p.close()
				a.stop(t)
			})
		})
	}
}

// With Config.Secret, grants are in force after a crash, which has lost the history.
func TestHTMLStreamWithAGrantOfALostLogIsNotifiedOfAGap(t *testing.T) {
	for _, resumes := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			start := func() *app {
				a := newApp(t, func(c *pull.Config) { c.Guests, c.Secret = true, bytes.Repeat([]byte("s"), 32) })
				a.withGrants()
				return a
			}
			a := start()
			grant, cursor := a.granted(t, "", "A")
			a.stop(t) // nothing is kept
			a = start()
			defer a.stop(t)
			var headers []string
			if resumes {
				headers = []string{"Last-Event-ID", cursor}
			}

			p := a.html(t, "", granting("htmx", grant), headers...)
			defer p.close()

			if got := p.next(t); got.event != "pull:gap" || got.id == cursor {
				t.Errorf("resumes: %t: got %+v, want pull:gap and a new id", resumes, got)
			}
			a.place(t, "A", "#after")
			p.places(t, a, "#after")
		})
	}
}

func TestHTMLStreamWithAGrantFromBeforeTheWindowIsNotifiedOfAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, func(c *pull.Config) { c.Guests, c.WindowCount = true, 5 })
		defer a.stop(t)
		a.withGrants()
		grant, _ := a.granted(t, "", "A")
		for range 10 {
			a.place(t, "B", "#another")
		}
		synctest.Wait()

		p := a.html(t, "", granting("htmx", grant))
		defer p.close()

		if got := p.next(t); got.event != "pull:gap" {
			t.Errorf("got %+v, want pull:gap", got)
		}
	})
}

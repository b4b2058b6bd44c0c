package pull_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// An htmlPage is the client of another library, which reads a html stream.
type htmlPage struct {
	*stream

	lastID string
}

// sse is an event of a stream. Its data is empty if it has none.
type sse struct{ event, id, data string }

func (a *app) html(t *testing.T, user, query string, headers ...string) *htmlPage {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://app.test/pull/html"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(userHeader, user)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := a.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return &htmlPage{stream: &stream{response, bufio.NewReader(response.Body), func() {
		cancel()
		_ = response.Body.Close()
		synctest.Wait()
	}}}
}

// next returns the next event, also one with an id alone. Comments are left out.
func (p *htmlPage) next(t *testing.T) (e sse) {
	t.Helper()
	for data, some := []string(nil), false; ; {
		line, err := p.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("got %+v and then %v", e, err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "event":
			e.event, some = value, true
		case "id":
			e.id, p.lastID, some = value, value, true
		case "data":
			data, some = append(data, value), true
		case "":
			if line == "\n" && some {
				e.data = strings.Join(data, "\n")
				return e
			}
		}
	}
}

// shown returns the next event that the client shows.
func (p *htmlPage) shown(t *testing.T) sse {
	t.Helper()
	for {
		if e := p.next(t); e.data != "" {
			return e
		}
	}
}

// render renders a fragment for everyone.
func (a *app) render(t *testing.T, f pull.Fragment) {
	t.Helper()
	if err := a.Render(t.Context(), pull.Shared(), f); err != nil {
		t.Fatal(err)
	}
}

func TestHTMLStreamSpeaksTheDialectOfItsClient(t *testing.T) {
	const li = template.HTML("<li id='t7'>\r\n<b>Füße</b>\n</li>")
	lines := "<li id='t7'>\n<b>Füße</b>\n</li>"
	elements := "elements <li id='t7'>\nelements <b>Füße</b>\nelements </li>"
	partial := func(target, swap, html string) string {
		return `<hx-partial hx-target="` + target + `" hx-swap="` + swap + `">` + html + "</hx-partial>"
	}
	const id, absent = `[id=&#34;t7&#34;]`, `:root:not(:has([id=&#34;t7&#34;])) :is(#a &gt; b)`
	for _, test := range []struct {
		swap           pull.Swap
		htmx, datastar string
	}{
		{pull.Outer, "outerHTML", "replace"},
		{pull.Inner, "innerHTML", "inner"},
		{pull.Before, "beforebegin", "before"},
		{pull.Prepend, "afterbegin", "prepend"},
		{pull.Append, "beforeend", "append"},
		{pull.After, "afterend", "after"},
		{pull.Morph, "outerMorph", "outer"},
		{pull.Delete, "delete", "remove"},
		{pull.Upsert, "", ""},
	} {
		t.Run(string(test.swap), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)
				htmx, htmx2, datastar, named := a.html(t, "1", ""), a.html(t, "1", "?format=htmx2"), a.html(t, "1", "", "Datastar-Request", "true"), a.html(t, "1", "?format=datastar")
				for _, p := range []*htmlPage{htmx, htmx2, datastar, named} {
					defer p.close()
					p.next(t) // it has joined
				}
				f := pull.Fragment{Selector: "#a > b", Swap: test.swap, HTML: li}
				html, patch := lines, "\n"+elements
				if test.swap == pull.Delete {
					f.HTML, html, patch = nil, "", ""
				}

				a.render(t, f)

				want := partial("#a &gt; b", test.htmx, html)
				patches := []string{"selector #a > b\nmode " + test.datastar + patch}
				if test.swap == pull.Upsert {
					want = partial(id, "outerHTML", html) + partial(absent, "beforeend", html)
					patches = []string{"selector [id=\"t7\"]\nmode replace" + patch, "selector :root:not(:has([id=\"t7\"])) :is(#a > b)\nmode append" + patch}
				}
				if got := htmx.shown(t); got.data != want || got.event != "" {
					t.Errorf("htmx 4 gets %+v, want %s", got, want)
				}
				if got, want := htmx2.shown(t), strings.ReplaceAll(want, "outerMorph", "outerHTML"); got.data != want || got.event != "" {
					t.Errorf("htmx 2 gets %+v, want %s", got, want)
				}
				for _, p := range []*htmlPage{datastar, named} {
					for i, want := range patches {
						if got := p.shown(t); got.data != want || got.event != "datastar-patch-elements" || (got.id != "") != (i == len(patches)-1) {
							t.Errorf("Datastar gets %+v, want %s", got, want)
						}
					}
				}
			})
		})
	}
}

func TestHTMLStreamHasEventsForHTMX(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		htmx, datastar := a.html(t, "1", ""), a.html(t, "1", "?format=datastar")
		defer htmx.close()
		defer datastar.close()
		htmx.next(t)
		before := datastar.next(t).id

		send(t, a, pull.User("1"), "update")

		if got := htmx.shown(t); got.event != "pull:tasks:update" || got.data != "{}" {
			t.Errorf("htmx gets %+v, want pull:tasks:update with {}", got)
		}
		if got := datastar.next(t); got.event != "" || got.data != "" || got.id == before || got.id != htmx.lastID {
			t.Errorf("Datastar gets %+v, want only the id %s", got, htmx.lastID)
		}
	})
}

func TestHTMLStreamResumesFromLastEventID(t *testing.T) {
	for _, format := range []string{"htmx", "htmx2", "datastar"} {
		t.Run(format, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "state")
				keep := func(c *pull.Config) { c.StateFile = file }
				a := newApp(t, keep)
				first := a.html(t, "1", "?format="+format)
				first.next(t)
				a.render(t, pull.Fragment{Selector: "#seen", HTML: template.HTML("x")})
				first.shown(t)
				first.close()
				for _, s := range []string{"#one", "#two", "#three"} {
					a.render(t, pull.Fragment{Selector: s, HTML: template.HTML("x"), Key: map[bool]string{true: "k"}[s != "#two"]})
				}
				a.stop(t) // planned
				a = newApp(t, keep)
				defer a.stop(t)

				again := a.html(t, "1", "?format="+format+"&cursor=old.1", "Last-Event-ID", first.lastID)
				defer again.close()

				for _, want := range []string{"#two", "#three"} { // #one has the key of #three
					if got := again.shown(t); !strings.Contains(got.data, want) {
						t.Errorf("got %+v, want %s", got, want)
					}
				}
			})
		})
	}
}

func TestHTMLStreamIsNotifiedOfAGap(t *testing.T) {
	for format, want := range map[string]string{"htmx": "pull:gap", "htmx2": "pull:gap", "datastar": "datastar-patch-signals"} {
		t.Run(format, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)

				p := a.html(t, "1", "?format="+format, "Last-Event-ID", "old.7")
				defer p.close()

				got := p.next(t)
				if got.event != want || got.id == "" || got.id == "old.7" {
					t.Errorf("got %+v, want %s with a new id", got, want)
				}
				if format == "datastar" {
					var signals struct{ PullGap int64 }
					if err := json.Unmarshal([]byte(strings.TrimPrefix(got.data, "signals ")), &signals); err != nil || signals.PullGap < 1 {
						t.Errorf("got %s, %v, want a number pullGap", got.data, err)
					}
				}
			})
		})
	}
}

// A page that connects for the first time has missed nothing.
func TestFirstHTMLStreamHasNoGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		a.render(t, pull.Fragment{Selector: "#before", HTML: template.HTML("x")})
		p := a.html(t, "1", "")
		defer p.close()

		if got := p.next(t); got.event != "" || got.data != "" || got.id == "" {
			t.Errorf("got %+v, want an id alone", got)
		}
		for header, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform"} {
			if got := p.Header.Get(header); got != want {
				t.Errorf("%s: got %q, want %q", header, got, want)
			}
		}
	})
}

// Ticks and the events of others move the id, and nothing of presence is sent.
func TestQuietHTMLStreamMovesItsID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p := a.html(t, "1", "")
		defer p.close()
		first := p.next(t)
		send(t, a, pull.User("2"), "update")
		other := a.dial(t, "2", "") // comes online
		defer quit(other)
		end, _ := other.hello(t).Params["offset"].(float64)

		for at := 0.0; at < end || end == 0; {
			got := p.next(t)
			if got.event != "" || got.data != "" {
				t.Fatalf("got %+v, want an id alone", got)
			}
			_, digits, _ := strings.Cut(got.id, ".")
			at, _ = strconv.ParseFloat(digits, 64)
		}
		if first.id == p.lastID {
			t.Errorf("the id is %s all the time", first.id)
		}
	})
}

func TestHTMLStreamIsRefusedLikeAnyOther(t *testing.T) {
	for name, test := range map[string]struct {
		query, user string
		headers     []string
		want        int
	}{
		"a guest":            {"", "", nil, http.StatusUnauthorized},
		"an unknown format":  {"?format=json", "1", nil, http.StatusBadRequest},
		"a malformed client": {"?client=a.b", "1", nil, http.StatusBadRequest},
		"another origin":     {"", "1", []string{"Origin", "https://other.test"}, http.StatusForbidden},
		"a long address":     {"?datastar=" + strings.Repeat("x", 5000), "1", nil, http.StatusRequestURITooLong},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)

				p := a.html(t, test.user, test.query, test.headers...)
				defer p.close()

				if p.StatusCode != test.want {
					t.Errorf("got status %d, want %d", p.StatusCode, test.want)
				}
			})
		})
	}
}

// The last event tells a client of htmx whether to come back.
func TestHTMLStreamSaysWhetherItEndsForGood(t *testing.T) {
	for want, end := range map[string]func(*testing.T, *app){
		"pull:stop":  func(t *testing.T, a *app) { t.Helper(); a.disconnect(t, "1") },
		"pull:close": func(t *testing.T, a *app) { t.Helper(); _ = a.Shutdown(t.Context()) },
	} {
		t.Run(want, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)
				p := a.html(t, "1", "")
				defer p.close()
				synctest.Wait()

				var ending sync.WaitGroup
				ending.Go(func() { end(t, a) })
				defer ending.Wait()

				if got := p.shown(t); got.event != want {
					t.Errorf("got %+v, want %s", got, want)
				}
			})
		})
	}
}

func TestSlowHTMLStreamRecoversFromTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p := a.html(t, "1", "?format=datastar")
		p.next(t)
		big := template.HTML(strings.Repeat("<p>line</p>\n", 4000))
		var want, got []string
		for i := range 60 { // more than a queue, while the page does not read
			s := fmt.Sprint("#f", i)
			want = append(want, s)
			a.render(t, pull.Fragment{Selector: s, HTML: big})
			synctest.Wait()
		}

		for len(got) < len(want) {
			line, err := p.lines.ReadString('\n')
			if id, is := strings.CutPrefix(line, "id: "); is {
				p.lastID = strings.TrimSuffix(id, "\n")
			}
			if err != nil { // cut: it returns
				p.close()
				pass(time.Minute)
				id := p.lastID
				p = a.html(t, "1", "?format=datastar", "Last-Event-ID", id)
				p.lastID = id
				continue
			}
			if s, is := strings.CutPrefix(line, "data: selector "); is {
				if s = strings.TrimSuffix(s, "\n"); !slices.Contains(got, s) {
					got = append(got, s)
				}
			}
		}

		p.close()
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// The client of an html stream gets no answer about its grants, so that one beyond the
// limit refuses the stream.
func TestHTMLStreamBeyondTheLimitOfGrantsIsRefused(t *testing.T) {
	tags := func(prefix string, n int) (all []string) {
		for i := range n {
			all = append(all, prefix+strconv.Itoa(i))
		}
		return all
	}
	for name, test := range map[string]struct {
		grants [][]string
		want   int
	}{
		"100 tags":            {[][]string{tags("A", 50), tags("B", 50)}, http.StatusOK},
		"101 tags":            {[][]string{tags("A", 50), tags("B", 51)}, http.StatusForbidden},
		"50 tags, some twice": {[][]string{tags("A", 50), tags("A", 49), tags("A", 48)}, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newGuestApp(t)
				defer a.stop(t)
				query := url.Values{}
				for _, tags := range test.grants {
					grant, _ := a.granted(t, "", tags...)
					query.Add("grant", grant)
				}

				p := a.html(t, "", "?"+query.Encode())
				defer p.close()

				if p.StatusCode != test.want {
					t.Errorf("got status %d, want %d", p.StatusCode, test.want)
				}
			})
		})
	}
}

func TestHTMLStreamWatchesByPost(t *testing.T) {
	for name, user := range map[string]string{"user": "42", "guest": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newGuestApp(t)
				defer a.stop(t)
				p := a.html(t, user, "?client=me")
				defer p.close()
				p.next(t)
				grant, _ := a.granted(t, user, "A")

				r := a.do(t, http.MethodPost, "/pull/watch?client=me", `{"watch":["`+grant+`"]}`, userHeader, user)

				if body := text(r); r.StatusCode != http.StatusOK || !strings.Contains(body, `"state":"ok"`) {
					t.Fatalf("got %d %s, want ok", r.StatusCode, body)
				}
				send(t, a, pull.Tag("A"), "live")
				if e := p.shown(t); e.event != "pull:tasks:live" {
					t.Errorf("got %+v, want the event", e)
				}
			})
		})
	}
}

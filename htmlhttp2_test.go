package pull_test

import (
	"context"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/echo-pull/pull"
)

// html2 opens a html stream over HTTP/2.
func (a *app) html2(t *testing.T, user, query string, headers ...string) *htmlPage {
	t.Helper()
	p := a.html(t, user, query, headers...)
	if p.StatusCode != http.StatusOK || p.ProtoMajor != 2 {
		t.Fatalf("got %s over %s, want a stream over HTTP/2", p.Status, p.Proto)
	}
	return p
}

// showsInOrder checks which fragments the page shows next, and that each has an id.
func (p *htmlPage) showsInOrder(t *testing.T, selectors ...string) {
	t.Helper()
	for _, want := range selectors {
		before := p.lastID
		if got := p.shown(t); !strings.Contains(got.data, want) || got.id == "" || got.id == before {
			t.Errorf("got %+v after id %s, want %s with a new id", got, before, want)
		}
	}
}

func TestHTMLStreamOverHTTP2HasFragmentsAndResumes(t *testing.T) {
	for _, format := range htmlFormats {
		t.Run(format, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := filepath.Join(t.TempDir(), "state")
				keep := func(c *pull.Config) { c.StateFile, c.Tick = file, time.Hour }
				a := newApp(t, keep)
				server := a.overHTTP2(t, a.echo)
				large := template.HTML(strings.Repeat("<p>line</p>\n", 5000)) // more than a frame of HTTP/2
				p := a.html2(t, "1", "?format="+format)
				p.next(t)

				a.render(t, pull.Fragment{Selector: "#first", HTML: large})
				p.showsInOrder(t, "#first")
				pass(50 * time.Minute) // the server's timeouts are 10 seconds
				a.render(t, pull.Fragment{Selector: "#late", HTML: large})
				p.showsInOrder(t, "#late")

				p.close()
				for _, s := range []string{"#one", "#two", "#three"} {
					a.render(t, pull.Fragment{Selector: s, HTML: large})
				}
				again := a.html2(t, "1", "?format="+format, "Last-Event-ID", p.lastID)
				again.showsInOrder(t, "#one", "#two", "#three")
				again.close()
				a.render(t, pull.Fragment{Selector: "#restart", HTML: large})
				a.stop(t)
				_ = server.Close()

				a = newApp(t, keep)
				defer a.stop(t)
				a.overHTTP2(t, a.echo)
				third := a.html2(t, "1", "?format="+format, "Last-Event-ID", again.lastID)
				defer third.close()
				third.showsInOrder(t, "#restart")
			})
		})
	}
}

func TestHTMLStreamOverHTTP2IsNotifiedOfAGap(t *testing.T) {
	for format, want := range map[string]string{"htmx": "pull:gap", "htmx2": "pull:gap", "datastar": "datastar-patch-signals"} {
		t.Run(format, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)
				a.overHTTP2(t, a.echo)

				p := a.html2(t, "1", "?format="+format, "Last-Event-ID", "old.7")
				defer p.close()

				if got := p.next(t); got.event != want || got.id == "" || got.id == "old.7" {
					t.Errorf("got %+v, want %s with a new id", got, want)
				}
				a.render(t, pull.Fragment{Selector: "#after", HTML: template.HTML("x")})
				p.showsInOrder(t, "#after")
			})
		})
	}
}

// The response ends as it should, and the browser returns.
func TestHTMLStreamOverHTTP2EndsWithAShutdown(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, a *app, s *http.Server) error{
		"plugin": func(ctx context.Context, a *app, _ *http.Server) error { return a.Shutdown(ctx) },
		"server": func(ctx context.Context, _ *app, s *http.Server) error { return s.Shutdown(ctx) },
	} {
		for _, format := range htmlFormats {
			t.Run(name+" "+format, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := newApp(t, nil)
					defer a.stop(t)
					server := a.overHTTP2(t, a.echo)
					p := a.html2(t, "1", "?format="+format)
					defer p.close()
					p.next(t)
					rest := make(chan string, 1)
					go func() {
						all, err := io.ReadAll(p.lines)
						rest <- fmt.Sprint(string(all), err)
					}()
					a.render(t, pull.Fragment{Selector: "#last", HTML: template.HTML("x")})
					synctest.Wait()
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					defer cancel()

					if err := end(ctx, a, server); err != nil {
						t.Errorf("the shutdown returns %v", err)
					}

					got := <-rest
					if !strings.Contains(got, "#last") || !strings.HasSuffix(got, "\n\n<nil>") {
						t.Errorf("got %q, want the last fragment and a proper end", got)
					}
					if format != "datastar" && !strings.HasSuffix(got, "event: pull:close\ndata: {\"code\":1012,\"reason\":\"restart\"}\n\n<nil>") {
						t.Errorf("got %q, want pull:close at the end", got)
					}
				})
			})
		}
	}
}

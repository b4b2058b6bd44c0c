package pull_test

import (
	"html/template"
	"io"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// A carrier opens a connection of user 1, of which the client reads nothing until read is
// called. leave ends it by the client.
type carrier func(t *testing.T, a *app, query string) (read, leave func())

// carriers are the kinds of connections.
func carriers() map[string]carrier {
	open := func(s *stream) (read, leave func()) {
		return func() { go func() { _, _ = io.Copy(io.Discard, s.lines) }() }, s.close
	}
	return map[string]carrier{
		"websocket": func(t *testing.T, a *app, query string) (read, leave func()) {
			p := a.dial(t, "1", query)
			return func() { p.read() }, func() { quit(p) }
		},
		"stream": func(t *testing.T, a *app, query string) (read, leave func()) { return open(a.stream(t, "1", query)) },
		"html": func(t *testing.T, a *app, query string) (read, leave func()) {
			return open(a.html(t, "1", query).stream)
		},
		"stream over HTTP/2": func(t *testing.T, a *app, query string) (read, leave func()) {
			a.overHTTP2(t, a.echo)
			return open(a.stream(t, "1", query))
		},
		"html over HTTP/2": func(t *testing.T, a *app, query string) (read, leave func()) {
			a.overHTTP2(t, a.echo)
			return open(a.html(t, "1", query).stream)
		},
	}
}

// fill sends fragments of 50 kB, which every kind of connection receives, one after
// another.
func fill(t *testing.T, a *app, n int) {
	t.Helper()
	for range n {
		f := pull.Fragment{Selector: "#x", HTML: template.HTML(strings.Repeat("x", 50_000))}
		if err := a.Render(t.Context(), pull.User("1"), f); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
}

// Each connection that ends is counted once, whatever carries it, also if it ends for
// several reasons.
func TestEndOfEachKindOfConnectionIsCountedOnce(t *testing.T) {
	for name, test := range map[string]struct {
		want      string // "" for none
		configure func(*pull.Config)
		act       func(t *testing.T, a *app, open carrier, more int)
	}{
		"full queue": {"slow_queue", func(c *pull.Config) { c.QueueBytes = 256 << 10 }, func(t *testing.T, a *app, open carrier, more int) {
			open(t, a, "")
			fill(t, a, more)
		}},
		"nothing written": {"slow_queue", func(c *pull.Config) { c.QueueBytes = 64 << 20 }, func(t *testing.T, a *app, open carrier, more int) {
			open(t, a, "")
			fill(t, a, more)
			pass(31 * time.Second)
		}},
		"window": {"slow_window", func(c *pull.Config) { c.WindowCount = 110 }, func(t *testing.T, a *app, open carrier, more int) {
			_, at := a.fresh(t, "9")
			fill(t, a, more)
			read, _ := open(t, a, "?cursor="+at)
			synctest.Wait()
			for range 300 {
				send(t, a, pull.User("2"), "noise")
			}
			synctest.Wait()
			read()
		}},
		"disconnect": {"disconnect", nil, func(t *testing.T, a *app, open carrier, _ int) {
			read, _ := open(t, a, "")
			read()
			synctest.Wait()
			a.disconnect(t, "1")
			a.disconnect(t, "1")
		}},
		"session": {"session", func(c *pull.Config) {
			user := c.User
			c.User, c.Session = nil, func(c echo.Context) (pull.Session, error) {
				id, err := user(c)
				return pull.Session{User: id, ID: "session of " + id}, err
			}
		}, func(t *testing.T, a *app, open carrier, _ int) {
			read, _ := open(t, a, "")
			read()
			synctest.Wait()
			if err := a.DisconnectSession("session of 1"); err != nil {
				t.Error(err)
			}
			a.disconnect(t, "1")
		}},
		"end of a session": {"session", func(c *pull.Config) {
			user := c.User
			c.User, c.Session = nil, func(c echo.Context) (pull.Session, error) {
				id, err := user(c)
				return pull.Session{User: id, Until: time.Now().Add(time.Hour)}, err
			}
		}, func(t *testing.T, a *app, open carrier, _ int) {
			read, _ := open(t, a, "")
			read()
			pass(2 * time.Hour)
		}},
		"shutdown": {"shutdown", nil, func(t *testing.T, a *app, open carrier, _ int) {
			read, _ := open(t, a, "")
			read()
			synctest.Wait()
			a.stop(t)
		}},
		"client": {"", nil, func(t *testing.T, a *app, open carrier, _ int) {
			read, leave := open(t, a, "")
			read()
			synctest.Wait()
			leave()
		}},
	} {
		for kind, open := range carriers() {
			t.Run(name+"/"+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := newApp(t, test.configure)
					more := 10
					if strings.Contains(kind, "HTTP/2") {
						more = 100 // the client's window is 4 MiB
					}
					test.act(t, a, open, more)
					if name != "shutdown" {
						pass(20 * time.Second)
					}
					s := a.Stats()
					if name != "shutdown" {
						a.stop(t)
					}

					got := nonzero(s.CutBy)
					want := map[string]uint64{test.want: 1}
					if test.want == "" {
						want = nil
						if kind == "websocket" { // without a close message
							want = map[string]uint64{"dead": 1}
						}
					}
					if !maps.Equal(got, want) {
						t.Errorf("got %v, want %v", got, want)
					}
					if slow := got["slow_queue"] + got["slow_window"]; s.Cut != slow {
						t.Errorf("Cut is %d, want %d", s.Cut, slow)
					}
				})
			})
		}
	}
}

// While many pages wait for a node that lags behind, further ones come back later.
func TestPagesThatAreTooManyAheadOfTheLogAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, out := newLoggingApp(t, slog.LevelWarn, nil)
		defer a.stop(t)
		_, at := a.fresh(t, "9")
		const most = 1000 // that wait
		for i := range most {
			a.dial(t, strconv.Itoa(i), "?cursor="+at+"000")
		}
		synctest.Wait()
		for kind, open := range carriers() {
			if !strings.Contains(kind, "HTTP/2") {
				read, _ := open(t, a, "?cursor="+at+"000")
				read()
			}
		}
		synctest.Wait()

		counts(t, "cut", a.Stats().CutBy, map[string]uint64{"log": 3})
		pass(11 * time.Second)
		counts(t, "gaps", a.Stats().GapsBy, map[string]uint64{"ahead": most})
		out.logs(t, `level=WARN msg="pull: sessions were closed" reason=log count=3`, 1)
	})
}

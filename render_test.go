package pull_test

import (
	"context"
	"errors"
	"html/template"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// A component renders itself as one of templ does, a node as one of gomponents does.
type (
	component func(ctx context.Context, w io.Writer) error
	node      func(w io.Writer) error
)

func (c component) Render(ctx context.Context, w io.Writer) error { return c(ctx, w) }
func (n node) Render(w io.Writer) error                           { return n(w) }

func row(ctx context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "<li>7</li>")
	return errors.Join(err, ctx.Err())
}

// rendering returns an application whose route /act renders a fragment.
func rendering(t *testing.T, to pull.Target, f pull.Fragment) *app {
	t.Helper()
	return txApp(t, func(c pull.Context) error {
		if err := c.Pull().Render(to, f); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	}, nil)
}

func TestFragmentReachesThePage(t *testing.T) {
	for name, html := range map[string]any{
		"templ":         component(row),
		"gomponents":    node(func(w io.Writer) error { return row(context.Background(), w) }),
		"html/template": template.HTML("<li>7</li>"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := rendering(t, pull.User("1"), pull.Fragment{Selector: "#task-7", HTML: html, Version: 3})
				defer a.stop(t)
				p := a.dial(t, "1", "")
				p.hello(t)

				a.act(t)

				got, want := p.event(t), map[string]any{"selector": "#task-7", "swap": "outer", "html": "<li>7</li>", "version": 3.0}
				if got.Module != "pull" || got.Command != "render" || !maps.Equal(got.Params, want) {
					t.Errorf("got %+v, want pull/render with %v", got, want)
				}
			})
		})
	}
}

func TestFragmentOfAFailedRequestIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := txApp(t, func(c pull.Context) error {
			return errors.Join(c.Pull().Render(pull.User("1"), pull.Fragment{Selector: "#a", Swap: pull.Delete}), echo.ErrBadRequest)
		}, nil)
		defer a.stop(t)

		a.act(t)

		if got := a.Stats().Messages; got != 0 {
			t.Errorf("%d messages left, want none", got)
		}
	})
}

// A key of fragments is none of events: a request may send both about one thing.
func TestFragmentReplacesNoEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := pull.User("1")
		a := txApp(t, func(c pull.Context) error {
			e := event("update", nil)
			e.Key = "task-7"
			return errors.Join(
				c.Pull().Render(to, pull.Fragment{Selector: "#old", Swap: pull.Delete, Key: "task-7"}),
				c.Pull().Send(to, e),
				c.Pull().Render(to, pull.Fragment{Selector: "#new", Swap: pull.Delete, Key: "task-7"}),
				c.NoContent(http.StatusNoContent),
			)
		}, nil)
		defer a.stop(t)
		p := a.dial(t, "1", "")
		p.hello(t)

		a.act(t)

		if got := p.event(t); got.Command != "update" {
			t.Errorf("got %+v, want the event", got)
		}
		if got := p.event(t); got.Params["selector"] != "#new" {
			t.Errorf("got %+v, want the last fragment", got)
		}
	})
}

// The same for those of a transaction.
func TestFragmentOfATransactionReplacesNoEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := pull.User("1")
		b := newTxBroker()
		a := txApp(t, func(c pull.Context) error {
			tx, e := b.begin(), event("update", nil)
			e.Key = "task-7"
			err := errors.Join(
				c.Pull().RenderTx(tx, to, pull.Fragment{Selector: "#old", Swap: pull.Delete, Key: "task-7"}),
				c.Pull().SendTx(tx, to, e),
				c.Pull().RenderTx(tx, to, pull.Fragment{Selector: "#new", Swap: pull.Delete, Key: "task-7"}),
			)
			tx.commit()
			return err
		}, func(c *pull.Config) { c.Broker = b })
		defer a.stop(t)
		p := a.dial(t, "1", "")
		p.hello(t)

		a.act(t)

		if got := p.event(t); got.Command != "update" {
			t.Errorf("got %+v, want the event", got)
		}
		if got := p.event(t); got.Params["selector"] != "#new" {
			t.Errorf("got %+v, want the last fragment", got)
		}
	})
}

func TestRenderReturnsWhatIsWrongAtTheCall(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name     string
		fragment pull.Fragment
		want     string
	}{
		{"a string", pull.Fragment{Selector: "#a", HTML: "<b>"}, "is of type string, want a template.HTML"},
		{"a number", pull.Fragment{Selector: "#a", HTML: 7}, "is of type int, want"},
		{"no HTML", pull.Fragment{Selector: "#a"}, `for "#a" has no HTML`},
		{"HTML to delete", pull.Fragment{Selector: "#a", Swap: pull.Delete, HTML: template.HTML("a")}, "that deletes has HTML"},
		{"no selector", pull.Fragment{HTML: template.HTML("a")}, "without a selector"},
		{"a long selector", pull.Fragment{Selector: strings.Repeat("a", 1025), HTML: template.HTML("a")}, "1025 bytes, the limit is 1024"},
		{"a selector of two lines", pull.Fragment{Selector: "#a,\n#b", HTML: template.HTML("a")}, "control character"},
		{"a selector that is not UTF-8", pull.Fragment{Selector: "\xff", HTML: template.HTML("a")}, "not UTF-8"},
		{"HTML that is not UTF-8", pull.Fragment{Selector: "#a", HTML: template.HTML("\xff")}, "not UTF-8"},
		{"an unknown swap", pull.Fragment{Selector: "#a", Swap: "none", HTML: template.HTML("a")}, `unknown swap "none"`},
		{"a negative version", pull.Fragment{Selector: "#a", HTML: template.HTML("a"), Version: -1}, "version -1"},
		{"a version beyond JavaScript", pull.Fragment{Selector: "#a", HTML: template.HTML("a"), Version: 1 << 53}, "version 9007199254740992"},
		{"a failing component", pull.Fragment{Selector: "#a", HTML: node(func(io.Writer) error { return broken })}, "pull: render a fragment: broken"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)

				err := a.Render(t.Context(), pull.User("1"), test.fragment)

				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got error %v, want %q", err, test.want)
				}
			})
		})
	}
}

// A component without an end takes the memory of one event.
func TestEndlessComponentIsTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		written := 0
		endless := component(func(ctx context.Context, w io.Writer) error {
			for ctx.Err() == nil {
				written++
				_, _ = w.Write(make([]byte, 1000))
			}
			return nil
		})

		err := a.Render(t.Context(), pull.User("1"), pull.Fragment{Selector: "#a", HTML: endless})

		var size *pull.SizeError
		if !errors.Is(err, pull.ErrTooLarge) || !errors.As(err, &size) || size.Limit != 64<<10 {
			t.Errorf("got %v, want ErrTooLarge", err)
		}
		if written > 66 {
			t.Errorf("%d KB were written, want no more than fit", written)
		}
	})
}

func TestPanicOfAComponentContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		defer func() {
			if recover() != "broken" {
				t.Error("the panic did not continue")
			}
		}()

		_ = a.Render(t.Context(), pull.User("1"), pull.Fragment{Selector: "#a", HTML: node(func(io.Writer) error { panic("broken") })})
	})
}

// What others see is not rendered with the values of this request.
func TestOnlyTheOwnUsersFragmentSeesTheRequest(t *testing.T) {
	type key struct{}
	for _, test := range []struct {
		name string
		to   pull.Target
		sees bool
	}{
		{"the own user", pull.User("1"), true},
		{"another user", pull.User("2"), false},
		{"two users", pull.User("1", "2"), false},
		{"a tag", pull.Tag("T"), false},
		{"everyone", pull.Shared(), false},
		{"the own user and a tag", pull.User("1").Or(pull.Tag("T")), false},
		{"the own user and another, with exceptions", pull.User("1").Or(pull.User("2").Except("3")), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newApp(t, nil)
				defer a.stop(t)
				var value any
				deadline, outbox := false, false
				look := component(func(ctx context.Context, w io.Writer) error {
					value = ctx.Value(key{})
					_, deadline = ctx.Deadline()
					outbox = pull.From(ctx) != nil
					return row(ctx, w)
				})
				a.echo.GET("/look", pull.Handler(func(c pull.Context) error {
					return c.Pull().Render(test.to, pull.Fragment{Selector: "#a", HTML: look})
				}), func(next echo.HandlerFunc) echo.HandlerFunc {
					return func(c echo.Context) error {
						ctx, cancel := context.WithTimeout(context.WithValue(c.Request().Context(), key{}, "secret"), 1<<40)
						defer cancel()
						c.SetRequest(c.Request().WithContext(ctx))
						return next(c)
					}
				})

				a.get(t, "/look", userHeader, "1")

				if sees := value == "secret"; sees != test.sees || outbox != test.sees {
					t.Errorf("the component saw %v, and an outbox %t, want the request's values: %t", value, outbox, test.sees)
				}
				if !deadline {
					t.Error("the context has no deadline, want that of the request")
				}
			})
		})
	}
}

// The handler has made its change, so the other pages get the fragment.
func TestFragmentIsRenderedThoughTheClientHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		asTempl := component(func(ctx context.Context, w io.Writer) error {
			if err := ctx.Err(); err != nil { // as components of templ begin
				return err
			}
			return row(ctx, w)
		})
		p := a.dial(t, "2", "")
		p.hello(t)
		a.echo.GET("/leave", pull.Handler(func(c pull.Context) error {
			return c.Pull().Render(pull.Shared(), pull.Fragment{Selector: "#a", HTML: asTempl})
		}), func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				ctx, cancel := context.WithCancel(c.Request().Context())
				cancel()
				c.SetRequest(c.Request().WithContext(ctx))
				return next(c)
			}
		})

		if got := a.get(t, "/leave", userHeader, "1").StatusCode; got != http.StatusOK {
			t.Fatalf("got status %d, want 200", got)
		}

		if got := p.event(t); got.Command != "render" {
			t.Errorf("got %+v, want the fragment", got)
		}
	})
}

// The context of a request that was passed on has no values either, that of a job keeps
// its own.
func TestPluginsRenderHidesOnlyARequest(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		var value any
		look := pull.Fragment{Selector: "#a", HTML: component(func(ctx context.Context, w io.Writer) error {
			value = ctx.Value(key{})
			return row(ctx, w)
		})}
		a.echo.GET("/look", pull.Handler(func(c pull.Context) error {
			return a.Render(context.WithValue(c.Request().Context(), key{}, "secret"), pull.User("1"), look)
		}))

		a.get(t, "/look", userHeader, "1")

		if value != nil {
			t.Errorf("the component saw %v of the request, want nothing", value)
		}
		if err := a.Render(context.WithValue(t.Context(), key{}, "of a job"), pull.User("1"), look); err != nil || value != "of a job" {
			t.Errorf("the component saw %v (%v), want the value of the job", value, err)
		}
	})
}

func TestRenderAfterTheHandlerIsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		var left *pull.Outbox
		a.echo.GET("/", pull.Handler(func(c pull.Context) error {
			left = c.Pull()
			return c.NoContent(http.StatusNoContent)
		}))
		a.get(t, "/")

		if err := left.Render(pull.User("1"), pull.Fragment{Selector: "#a", Swap: pull.Delete}); !errors.Is(err, pull.ErrTooLate) {
			t.Errorf("got %v, want ErrTooLate", err)
		}
		if err := (*pull.Outbox)(nil).Render(pull.User("1"), pull.Fragment{}); !errors.Is(err, pull.ErrNoOutbox) {
			t.Errorf("got %v of a nil outbox, want ErrNoOutbox", err)
		}
	})
}

func TestApplicationsCannotSendAsThePlugin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)

		for _, module := range []string{"pull", "PULL"} {
			err := a.Send(t.Context(), pull.Shared(), pull.Event{Module: module, Command: "render", Params: map[string]string{"selector": "body"}})
			if !errors.Is(err, pull.ErrUnknownModule) {
				t.Errorf("got %v, want ErrUnknownModule", err)
			}
		}
	})
}

func TestFragmentLeavesWithItsTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newTxBroker()
		a := txApp(t, func(c pull.Context) error {
			kept, dropped := b.begin(), b.begin()
			err := errors.Join(
				c.Pull().RenderTx(kept, pull.User("1"), pull.Fragment{Selector: "#kept", HTML: component(row)}),
				c.Pull().RenderTx(dropped, pull.User("1"), pull.Fragment{Selector: "#dropped", HTML: component(row)}),
			)
			kept.commit()
			return err
		}, func(c *pull.Config) { c.Broker = b })
		defer a.stop(t)
		p := a.dial(t, "1", "")
		p.hello(t)

		a.act(t)

		if got := p.event(t); got.Params["selector"] != "#kept" {
			t.Errorf("got %+v, want the fragment of the transaction that was committed", got)
		}
	})
}

// Of fragments with one key only the last is replayed, also after a planned restart.
func TestOnlyTheLastFragmentWithAKeyIsReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state")
		keep := func(c *pull.Config) { c.StateFile = file }
		a := newApp(t, keep)
		p, at := a.fresh(t, "1")
		p.leave()
		for _, f := range []pull.Fragment{
			{Selector: "#one", Key: "k", HTML: component(row)},
			{Selector: "#two", HTML: component(row)},
			{Selector: "#three", Key: "k", HTML: component(row)},
			{Selector: "#four", HTML: component(row)},
		} {
			if err := a.Render(t.Context(), pull.User("1"), f); err != nil {
				t.Fatal(err)
			}
		}
		a.stop(t)
		a = newApp(t, keep)
		defer a.stop(t)

		again := a.dial(t, "1", "?cursor="+at)
		again.hello(t)

		for _, want := range []string{"#two", "#three", "#four"} {
			if got := again.event(t); got.Params["selector"] != want {
				t.Errorf("got %+v, want %s", got, want)
			}
		}
	})
}

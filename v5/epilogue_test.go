package pull_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/echo-pull/pull/v5"
)

var errSoldOut = errors.New("sold out")

// A coded is an application's own error type with a status.
type coded int

func (c coded) Error() string   { return fmt.Sprintf("error %d", int(c)) }
func (c coded) StatusCode() int { return int(c) }

// A kept is a writer that an application substitutes for Echo's response.
type kept struct{ http.ResponseWriter }

func (k kept) Unwrap() http.ResponseWriter { return k.ResponseWriter }

// An opaque is a writer that cannot be unwrapped.
type opaque struct{ http.ResponseWriter }

// Only the handler decides whether a request's events are published, not the
// middleware around it. In Echo v5 writers such as Gzip's wrap the response, which
// learns the status after the handler has returned.
func TestEpilogueOfEcho5(t *testing.T) {
	for _, tc := range []struct {
		name    string
		handler func(*pull.Context) error
		leaves  bool
	}{
		{"nothing written", func(*pull.Context) error { return nil }, true},
		{"200", func(c *pull.Context) error { return c.String(http.StatusOK, "done") }, true},
		{"JSON", func(c *pull.Context) error { return c.JSON(http.StatusCreated, "done") }, true},
		{"204", func(c *pull.Context) error { return c.NoContent(http.StatusNoContent) }, true},
		{"redirect", func(c *pull.Context) error { return c.Redirect(http.StatusSeeOther, "/") }, true},
		{"file", func(c *pull.Context) error { return c.File("go.mod") }, true},
		{"stream", func(c *pull.Context) error {
			_, err := c.Response().Write([]byte("part"))
			_ = http.NewResponseController(c.Response()).Flush() // a hidden writer cannot be flushed
			return err
		}, true},
		{"status set and not written", func(c *pull.Context) error {
			if r, err := echo.UnwrapResponse(c.Response()); err == nil { // otherwise it is hidden
				r.Status = http.StatusConflict
			}
			return nil
		}, true},
		{"500, then 200", func(c *pull.Context) error {
			c.Response().WriteHeader(http.StatusInternalServerError)
			c.Response().WriteHeader(http.StatusOK)
			return nil
		}, false},
		{"status set, then written", func(c *pull.Context) error {
			responseOf(c.Context).Status = http.StatusConflict
			_, err := responseOf(c.Context).Write([]byte("no"))
			return err
		}, false},
		{"error", func(*pull.Context) error { return errSoldOut }, false},
		{"HTTPError", func(*pull.Context) error { return echo.NewHTTPError(http.StatusConflict, "sold out") }, false},
		{"predefined error", func(*pull.Context) error { return echo.ErrForbidden }, false},
		{"error with a status", func(*pull.Context) error { return coded(http.StatusTeapot) }, false},
		{"error with a status below 400", func(*pull.Context) error { return coded(http.StatusOK) }, false},
		{"409 without a body", func(c *pull.Context) error { return c.NoContent(http.StatusConflict) }, false},
		{"409", func(c *pull.Context) error { return c.String(http.StatusConflict, "sold out") }, false},
		{"409 as JSON", func(c *pull.Context) error { return c.JSON(http.StatusConflict, "sold out") }, false},
		{"JSON that fails", func(c *pull.Context) error { return c.JSON(http.StatusOK, func() {}) }, false},
		{"200, then an error", func(c *pull.Context) error { return errors.Join(c.String(http.StatusOK, "so far"), errSoldOut) }, false},
		{"error handled by the handler", func(c *pull.Context) error { handleError(c, errSoldOut); return nil }, false},
		{"response replaced", func(c *pull.Context) error {
			c.SetResponse(kept{c.Response()})
			return c.NoContent(http.StatusConflict)
		}, false},
		{"response replaced, and fine", func(c *pull.Context) error {
			c.SetResponse(kept{c.Response()})
			return c.NoContent(http.StatusNoContent)
		}, true},
		{"response hidden", func(c *pull.Context) error {
			c.SetResponse(opaque{c.Response()})
			return c.NoContent(http.StatusConflict)
		}, false},
		{"response hidden, and fine", func(c *pull.Context) error {
			c.SetResponse(opaque{c.Response()})
			return c.NoContent(http.StatusNoContent)
		}, true},
		{"panic", func(*pull.Context) error { panic("fire") }, false},
	} {
		for around, wrap := range map[string]func(*shop) (outer, inner []echo.MiddlewareFunc){
			"nothing":   func(*shop) (outer, inner []echo.MiddlewareFunc) { return nil, nil },
			"Gzip":      around(middleware.Gzip()),
			"long Gzip": around(middleware.GzipWithConfig(middleware.GzipConfig{MinLength: 1 << 10})),
			"BodyDump":  around(dumpBody()),
			"timeout":   around(middleware.ContextTimeout(time.Minute)),
			"net/http":  around(echo.WrapMiddleware(func(next http.Handler) http.Handler { return next })),
			"replaced": around(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c *echo.Context) error { c.SetResponse(kept{c.Response()}); return next(c) }
			}),
			"hidden": around(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c *echo.Context) error { c.SetResponse(opaque{c.Response()}); return next(c) }
			}),
			"twice": func(s *shop) (outer, inner []echo.MiddlewareFunc) { return nil, []echo.MiddlewareFunc{s.Middleware()} },
			"Recover inside": func(*shop) (outer, inner []echo.MiddlewareFunc) {
				return nil, []echo.MiddlewareFunc{middleware.Recover()}
			},
		} {
			for _, of := range []string{"all", "group", "route"} {
				for _, method := range []string{http.MethodGet, http.MethodHead} {
					t.Run(fmt.Sprintf("%s/%s/%s/%s", tc.name, around, of, method), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							s := newShop(t, nil)
							outer, inner := wrap(s)
							e := echoWith(of, s.Middleware(), outer, inner, pull.Handler(func(c *pull.Context) error {
								if err := offer(c); err != nil {
									return err
								}
								return tc.handler(c)
							}))
							s.leaves(t, e, method, tc.leaves)
						})
					})
				}
			}
		}
	}
}

// around registers middleware outside the plugin's.
func around(m echo.MiddlewareFunc) func(*shop) (outer, inner []echo.MiddlewareFunc) {
	return func(*shop) (outer, inner []echo.MiddlewareFunc) { return []echo.MiddlewareFunc{m}, nil }
}

// echoWith returns an Echo whose page is behind the plugin's middleware, which is
// registered for all routes, for a group or for the route. Echo derives HEAD from
// GET.
func echoWith(of string, plugin echo.MiddlewareFunc, outer, inner []echo.MiddlewareFunc, page echo.HandlerFunc) *echo.Echo {
	e := echo.NewWithConfig(echo.Config{
		Logger: newEcho().Logger, Router: echo.NewRouter(echo.RouterConfig{AutoHandleHEAD: true, AllowOverwritingRoute: true}),
	})
	e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true}))
	m := append(append(outer, plugin), inner...)
	switch of {
	case "all":
		e.Use(m...)
		e.GET("/page", page)
	case "group":
		e.Group("", m...).GET("/page", page)
	case "route":
		e.GET("/page", page, m...)
	}
	return e
}

// leaves makes e serve the page, whose handler makes an offer, and checks whether
// the offer reaches the shop's customer.
func (s *shop) leaves(t *testing.T, e *echo.Echo, method string, want bool) {
	t.Helper()
	s.open()
	defer s.close(t)
	w := s.look(t)
	defer w.close()

	ask(e, method, "/page", echo.HeaderAcceptEncoding, "gzip")
	s.mark(t, "end")

	if want {
		w.sees(t, "offer")
	}
	w.sees(t, "end")
}

// Echo's error handler runs after all middleware. Its response does not make a
// failed request successful.
func TestErrorHandlerMakesNoSuccess(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusNoContent, http.StatusFound} {
		synctest.Test(t, func(t *testing.T) {
			s, e := newShop(t, nil), newEcho()
			e.HTTPErrorHandler = func(c *echo.Context, _ error) { _ = c.NoContent(status) }
			e.Use(s.Middleware())
			e.GET("/page", pull.Handler(func(c *pull.Context) error { return errors.Join(offer(c), errSoldOut) }))
			s.leaves(t, e, http.MethodGet, false)
		})
	}
}

// If middleware responds to the error itself and returns nil, the status of that
// response decides.
func TestMiddlewareThatHandlesTheErrorDecidesByItsStatus(t *testing.T) {
	for status, want := range map[int]bool{http.StatusOK: true, http.StatusConflict: false} {
		for _, compressed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				s, e := newShop(t, nil), newEcho()
				e.HTTPErrorHandler = func(c *echo.Context, _ error) { _ = c.NoContent(status) }
				if compressed {
					e.Use(middleware.Gzip())
				}
				e.Use(s.Middleware(), func(next echo.HandlerFunc) echo.HandlerFunc {
					return func(c *echo.Context) error {
						if err := next(c); err != nil {
							c.Echo().HTTPErrorHandler(c, err)
						}
						return nil
					}
				})
				e.GET("/page", pull.Handler(func(c *pull.Context) error { return errors.Join(offer(c), errSoldOut) }))
				s.leaves(t, e, http.MethodGet, want)
			})
		}
	}
}

func TestPanicGoesOn(t *testing.T) {
	for name, value := range map[string]error{"panic": errSoldOut, "abort": http.ErrAbortHandler} {
		for _, recovers := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/Recover=%t", name, recovers), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s, e := newShop(t, nil), newEcho()
					if recovers {
						e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true}))
					}
					e.Use(s.Middleware())
					e.GET("/page", pull.Handler(func(c *pull.Context) error {
						if err := offer(c); err != nil {
							return err
						}
						panic(value)
					}))
					s.open()
					defer s.close(t)
					w := s.look(t)
					defer w.close()

					got := func() (got any) {
						defer func() { got = recover() }()
						ask(e, http.MethodGet, "/page")
						return nil
					}()
					s.mark(t, "end")

					if want := !recovers || name == "abort"; want != (got == any(value)) {
						t.Errorf("got panic %v, want it to go on: %t", got, want)
					}
					w.sees(t, "end")
				})
			})
		}
	}
}

// A net/http handler finds the outbox in the request's context.
func TestWrappedHandlerHasAnOutbox(t *testing.T) {
	for status, want := range map[int]bool{http.StatusOK: true, http.StatusConflict: false} {
		for _, m := range []echo.MiddlewareFunc{nil, middleware.Gzip(), dumpBody()} {
			synctest.Test(t, func(t *testing.T) {
				s, e := newShop(t, nil), newEcho()
				if m != nil {
					e.Use(m)
				}
				e.Use(s.Middleware(), echo.WrapMiddleware(func(next http.Handler) http.Handler { return next }))
				e.GET("/page", echo.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if err := pull.From(r.Context()).Send(pull.User("42"), pull.Event{Module: "shop", Command: "offer"}); err != nil {
						t.Error(err)
					}
					w.WriteHeader(status)
				})))
				s.leaves(t, e, http.MethodGet, want)
			})
		}
	}
}

// net/http middleware that responds itself and calls no handler.
func TestWrappedMiddlewareThatRefusesAnnouncesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := newShop(t, nil), newEcho()
		e.Use(s.Middleware(), func(next echo.HandlerFunc) echo.HandlerFunc {
			return pull.Handler(func(c *pull.Context) error { return errors.Join(offer(c), next(c.Context)) })
		}, echo.WrapMiddleware(func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
		}))
		e.GET("/page", func(c *echo.Context) error { return c.NoContent(http.StatusOK) })
		s.leaves(t, e, http.MethodGet, false)
	})
}

func TestHijackedConnectionAnnounces(t *testing.T) {
	for name, m := range map[string]echo.MiddlewareFunc{"Gzip": middleware.Gzip(), "BodyDump": dumpBody(), "nothing": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t, nil)
				if m != nil {
					s.echo.Use(m)
				}
				s.open()
				defer s.close(t)
				s.echo.GET("/own", pull.Handler(func(c *pull.Context) error {
					conn, err := new(websocket.Upgrader).Upgrade(c.Response(), c.Request(), nil)
					if err != nil {
						return err
					}
					defer func() { _ = conn.Close() }()
					return offer(c)
				}))
				w := s.look(t)
				defer w.close()

				d := websocket.Dialer{NetDialContext: s.network.Dial}
				conn, _, err := d.DialContext(t.Context(), "ws://shop.test/own", http.Header{"Accept-Encoding": {"gzip"}})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()

				w.sees(t, "offer")
			})
		})
	}
}

func TestEachPluginDecidesForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		always := func(c *pull.Config) { c.Commit = func(*echo.Context, error) bool { return true } }
		s, other, e := newShop(t, nil), newShop(t, always), newEcho()
		e.Use(middleware.Gzip(), s.Middleware(), other.Middleware())
		e.GET("/page", func(c *echo.Context) error {
			ctx := c.Request().Context()
			for _, o := range []*pull.Outbox{s.Outbox(ctx), other.Outbox(ctx)} {
				if err := o.Send(pull.User("42"), pull.Event{Module: "shop", Command: "offer"}); err != nil {
					t.Error(err)
				}
			}
			return c.NoContent(http.StatusConflict)
		})
		other.open()
		defer other.close(t)
		w := other.look(t)
		defer w.close()

		s.leaves(t, e, http.MethodGet, false)

		w.sees(t, "offer")
	})
}

func TestSkipperSeesTheRoute(t *testing.T) {
	s, e := newShop(t, func(c *pull.Config) { c.Skipper = func(c *echo.Context) bool { return c.Path() == "/page" } }), newEcho()
	t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
	e.Use(s.Middleware())
	var got error
	e.GET("/page", pull.Handler(func(c *pull.Context) error { got = offer(c); return nil }))

	ask(e, http.MethodGet, "/page")

	if !errors.Is(got, pull.ErrNoOutbox) {
		t.Errorf("got %v, want ErrNoOutbox", got)
	}
}

// Echo reuses its context for the next request. A handler that has kept the context
// must not get the outbox of that request.
func TestContextThatIsUsedAgainIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, e := newShop(t, nil), newEcho()
		t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
		e.Use(s.Middleware())
		var first *pull.Context
		e.GET("/first", pull.Handler(func(c *pull.Context) error { first = c; return nil }))
		e.GET("/second", pull.Handler(func(c *pull.Context) error {
			if c.Pull() == first.Pull() {
				t.Error("two requests have one outbox")
			}
			if err := offer(first); !errors.Is(err, pull.ErrTooLate) {
				t.Errorf("got %v, want ErrTooLate", err)
			}
			return nil
		}))

		ask(e, http.MethodGet, "/first")
		ask(e, http.MethodGet, "/second")
	})
}

// A handler may pass its request to another Echo, whose handlers have the same
// outbox and a context of their own.
func TestHandlerWithinAHandler(t *testing.T) {
	s, e, other := newShop(t, nil), newEcho(), newEcho()
	t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
	e.Use(s.Middleware())
	var outbox *pull.Outbox
	other.GET("/page", pull.Handler(func(c *pull.Context) error {
		if c.Pull() == nil || c.Pull() != outbox {
			t.Error("want the outbox of the outer handler")
		}
		return c.NoContent(http.StatusNoContent)
	}))
	e.GET("/:name", pull.Handler(func(c *pull.Context) error {
		outbox = c.Pull()
		other.ServeHTTP(c.Response(), c.Request())
		if c.Path() != "/:name" || c.Param("name") != "page" {
			t.Errorf("got the context of %s, want the handler's own", c.Path())
		}
		return nil
	}))

	if got := ask(e, http.MethodGet, "/page").Code; got != http.StatusNoContent {
		t.Errorf("got %d, want 204", got)
	}
}

// The writer that records the status for the plugin hides no ability of the writers
// below it.
func TestWriterBelowGzipCanDoWhatItCould(t *testing.T) {
	s, e := newShop(t, nil), newEcho()
	t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
	e.Use(middleware.Gzip(), s.Middleware())
	e.GET("/page", func(c *echo.Context) error {
		w := c.Response()
		if _, ok := w.(http.Flusher); !ok {
			t.Error("want a http.Flusher")
		}
		if h, ok := w.(http.Hijacker); !ok {
			t.Error("want a http.Hijacker")
		} else if _, _, err := h.Hijack(); !errors.Is(err, http.ErrNotSupported) {
			t.Errorf("got %v of a recorder, want ErrNotSupported", err)
		}
		if r, err := echo.UnwrapResponse(w); err != nil || r.Committed {
			t.Errorf("got %v, want Echo's response", err)
		}
		return c.String(http.StatusOK, "done")
	})

	w := ask(e, http.MethodGet, "/page", echo.HeaderAcceptEncoding, "gzip")

	if w.Code != http.StatusOK || w.Header().Get(echo.HeaderContentEncoding) != "gzip" {
		t.Errorf("got %d %v, want 200 and gzip", w.Code, w.Header())
	}
}

//pull:only v4

package pull_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/echo-pull/pull"
)

// guided returns the application that the guides in docs/ build.
func guided(t *testing.T, configure func(*pull.Config)) *pull.Plugin {
	t.Helper()
	config := pull.Config{User: func(c echo.Context) (string, error) { return c.Request().Header.Get("X-User"), nil }}
	if configure != nil {
		configure(&config)
	}
	p, err := pull.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
	if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
		t.Fatal(err)
	}
	return p
}

func ask(e *echo.Echo, method, target string, headers ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, asking(context.Background(), method, target, headers...))
	return w
}

func asking(ctx context.Context, method, target string, headers ...string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// follow opens a stream in a bubble. sofar returns what it has received.
func follow(t *testing.T, e *echo.Echo, target string, headers ...string) (sofar func() string) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	w := httptest.NewRecorder()
	go e.ServeHTTP(w, asking(ctx, http.MethodGet, target, append(headers, "Accept", "text/event-stream")...))
	t.Cleanup(leave)
	synctest.Wait()
	return func() string {
		synctest.Wait()
		return w.Body.String()
	}
}

type tenantContext struct {
	echo.Context
	tenant string
}

// A type assertion inside pull.Handler does not find the application's own context.
func TestOwnContextIsFoundInAPlainHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, e := guided(t, nil), echo.New()
		e.Use(p.Middleware(), func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error { return next(&tenantContext{c, "acme"}) }
		})
		p.Mount(e.Group("/pull"))
		e.GET("/wrapped", pull.Handler(func(c pull.Context) error {
			if _, found := echo.Context(c).(*tenantContext); found {
				t.Error("the context of pull.Handler is the application's, want the plugin's")
			}
			return c.NoContent(http.StatusNoContent)
		}))
		e.POST("/rename", func(c echo.Context) error {
			tenant := c.(*tenantContext).tenant
			event := pull.Event{Module: "tasks", Command: "rename", Params: echo.Map{"tenant": tenant}}
			if err := pull.From(c.Request().Context()).Send(pull.User("42"), event); err != nil {
				return err
			}
			return c.NoContent(http.StatusNoContent)
		})
		sofar := follow(t, e, "/pull", "X-User", "42")

		ask(e, http.MethodGet, "/wrapped")
		ask(e, http.MethodPost, "/rename")

		if got := sofar(); !strings.Contains(got, `"params":{"tenant":"acme"}`) {
			t.Errorf("the page got %s, want the tenant", got)
		}
	})
}

// The transaction decides about the request's events, and a stream does not hold one.
func TestTransactionAroundARequestIsNotHeldByAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("no commit")
		engine := &engine{}
		db := sql.OpenDB(engine)
		defer func() { _ = db.Close() }()
		p, e := guided(t, nil), echo.New()
		transaction := func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				if strings.HasPrefix(c.Path(), "/pull") {
					return next(c) // a stream may last as long as its page is open
				}
				tx, err := db.BeginTx(c.Request().Context(), nil)
				if err != nil {
					return err
				}
				defer func() { _ = tx.Rollback() }() // does nothing after Commit
				c.Set("tx", tx)
				if err := next(c); err != nil {
					return err
				}
				return tx.Commit()
			}
		}
		e.Use(p.Middleware(), transaction)
		p.Mount(e.Group("/pull"))
		e.POST("/tasks/:n", pull.Handler(func(c pull.Context) error {
			if _, ok := c.Get("tx").(*sql.Tx); !ok {
				t.Error("the handler has no transaction")
			}
			return c.Pull().Send(pull.User("42"), pull.Event{Module: "tasks", Command: "n" + c.Param("n")})
		}))
		sofar := follow(t, e, "/pull", "X-User", "42")
		if n := db.Stats().InUse; n != 0 {
			t.Errorf("an open stream holds %d transactions, want none", n)
		}

		engine.fails = broken
		failed := ask(e, http.MethodPost, "/tasks/1")
		engine.fails = nil
		ask(e, http.MethodPost, "/tasks/2")

		if got := sofar(); failed.Code != http.StatusInternalServerError || strings.Contains(got, "n1") || !strings.Contains(got, "n2") {
			t.Errorf("got status %d and %s, want 500 and the second event only", failed.Code, got)
		}
	})
}

// An engine is a database that can only end transactions.
type engine struct{ fails error }

func (d *engine) Connect(context.Context) (driver.Conn, error) { return d, nil }
func (d *engine) Driver() driver.Driver                        { return nil }
func (d *engine) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (d *engine) Close() error                                 { return nil }
func (d *engine) Begin() (driver.Tx, error)                    { return d, nil }
func (d *engine) Commit() error                                { return d.fails }
func (d *engine) Rollback() error                              { return nil }

// logins maps the cookies of logged-in users to the users.
type logins map[string]string

// end ends the login of a request and returns its user.
func (l logins) end(c echo.Context) string {
	cookie, err := c.Cookie("login")
	if err != nil {
		return ""
	}
	defer delete(l, cookie.Value)
	return l[cookie.Value]
}

// A logout ends the login first, and then the connections.
func TestLogoutEndsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logins, e := logins{"secret": "42"}, echo.New()
		p := guided(t, func(c *pull.Config) {
			c.User = func(c echo.Context) (string, error) {
				cookie, err := c.Cookie("login")
				if err != nil {
					return "", nil //nolint:nilerr // a guest
				}
				return logins[cookie.Value], nil
			}
		})
		e.Use(p.Middleware())
		p.Mount(e.Group("/pull"))
		e.POST("/logout", func(c echo.Context) error {
			user := logins.end(c) // first: the cookie is worth nothing now
			if err := p.Disconnect(user); err != nil {
				return err
			}
			return c.Redirect(http.StatusSeeOther, "/")
		})
		sofar := follow(t, e, "/pull", "Cookie", "login=secret")

		ask(e, http.MethodPost, "/logout", "Cookie", "login=secret")

		if got := sofar(); !strings.Contains(got, `{"code":4003,"reason":"disconnected"}`) {
			t.Errorf("the page got %s, want close code 4003", got)
		}
		if again := ask(e, http.MethodGet, "/pull", "Cookie", "login=secret", "Accept", "text/event-stream"); again.Code != http.StatusUnauthorized {
			t.Errorf("the page connects again with %d, want 401", again.Code)
		}
	})
}

// A page of another origin keeps its token in memory. The server puts the token
// into a cookie that is sent only with the connection.
func TestTokenConnectsAPageOfAnotherOrigin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verify := func(token string) (user string, err error) {
			if user, valid := strings.CutPrefix(token, "valid-"); valid {
				return user, nil
			}
			return "", errors.New("not a token of ours")
		}

		p, err := pull.New(pull.Config{
			User: func(c echo.Context) (string, error) {
				user, _ := c.Get("user").(string)
				return user, nil
			},
			AllowedOrigins: []string{"https://app.shop.example"},
		})
		if err != nil {
			t.Fatal(err)
		}
		login := middleware.KeyAuthWithConfig(middleware.KeyAuthConfig{
			KeyLookup: "header:Authorization,cookie:token", // a request has the header, the connection the cookie
			Validator: func(token string, c echo.Context) (bool, error) {
				user, err := verify(token)
				c.Set("user", user)
				return err == nil, nil
			},
			ErrorHandler: func(error, echo.Context) error { return echo.ErrUnauthorized },
		})
		e := echo.New()
		e.Use(middleware.CORSWithConfig(middleware.CORSConfig{
			AllowOrigins:     []string{"https://app.shop.example"},
			AllowCredentials: true,
			AllowHeaders:     []string{echo.HeaderAuthorization, echo.HeaderContentType, pull.HeaderClient},
			ExposeHeaders:    []string{"Pull-Cursor"},
		}), p.Middleware())
		p.Mount(e.Group("/pull", login))
		api := e.Group("/api", login)
		api.POST("/connection", func(c echo.Context) error {
			c.SetCookie(&http.Cookie{
				Name:  "token",
				Value: strings.TrimPrefix(c.Request().Header.Get(echo.HeaderAuthorization), "Bearer "),
				Path:  "/pull", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode,
			})
			return c.NoContent(http.StatusNoContent)
		})
		api.GET("/tasks", pull.Handler(func(c pull.Context) error {
			c.Response().Header().Set("Pull-Cursor", c.Pull().Cursor())
			return c.JSON(http.StatusOK, []string{"Write it down"})
		}))

		t.Cleanup(func() { _ = p.Shutdown(context.Background()) })
		if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
			t.Fatal(err)
		}
		const origin, bearer = "https://app.shop.example", "Bearer valid-42"
		cookie := ask(e, http.MethodPost, "/api/connection", "Origin", origin, "Authorization", bearer).Header().Get("Set-Cookie")
		if want := "token=valid-42; Path=/pull; HttpOnly; Secure; SameSite=Strict"; cookie != want {
			t.Errorf("got cookie %q, want %q", cookie, want)
		}
		cursor := ask(e, http.MethodGet, "/api/tasks", "Origin", origin, "Authorization", bearer).Header().Get("Pull-Cursor")
		if err := p.Send(t.Context(), pull.User("42"), pull.Event{Module: "tasks", Command: "missed"}); err != nil {
			t.Fatal(err)
		}
		sofar := follow(t, e, "/pull?cursor="+cursor, "Origin", origin, "Cookie", "token=valid-42")

		if got := sofar(); !strings.Contains(got, `"user":"42","recovered":true`) || !strings.Contains(got, "missed") {
			t.Errorf("the page got %s, want the event since its cursor", got)
		}
		for _, r := range []struct {
			headers []string
			status  int
		}{
			{[]string{"Origin", origin}, http.StatusUnauthorized},
			{[]string{"Origin", origin, "Cookie", "token=forged"}, http.StatusUnauthorized},
			{[]string{"Origin", "https://evil.example", "Cookie", "token=valid-42"}, http.StatusForbidden},
		} {
			if w := ask(e, http.MethodGet, "/pull", append(r.headers, "Accept", "text/event-stream")...); w.Code != r.status {
				t.Errorf("%v: got %d, want %d", r.headers, w.Code, r.status)
			}
		}
	})
}

type loginContext struct {
	echo.Context
	user string
}

// A login may wrap Echo's context after the plugin's middleware has run.
func TestUserGetsTheContextOfTheGroup(t *testing.T) {
	s := newSite(t, func(c *pull.Config) {
		c.User = func(c echo.Context) (string, error) {
			login, ok := c.(*loginContext)
			if !ok {
				return "", errors.New("not the login's context")
			}
			return login.user, nil
		}
	})
	login := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return next(&loginContext{c, "42"}) }
	}
	s.Use(s.Middleware())
	s.Mount(s.Group("/pull", login))
	s.GET("/page", func(c echo.Context) error { return c.HTML(http.StatusOK, string(s.Head(c))) }, login)

	if page := s.serve(http.MethodGet, "/page").Body.String(); !strings.Contains(page, `data-user="42"`) {
		t.Errorf("got %s, want the user of the login", page)
	}
	if w := s.serve(http.MethodGet, "/pull"); w.Code != http.StatusUpgradeRequired {
		t.Errorf("a probe got %d, want 426: %s", w.Code, w.Body)
	}
}

type serializer struct{ echo.DefaultJSONSerializer }

func (serializer) Serialize(c echo.Context, _ any, _ string) error {
	_, err := c.Response().Write([]byte(`"own"`))
	return err
}

func TestWatchRespondsThroughTheSerializer(t *testing.T) {
	s := newSite(t, nil)
	s.JSONSerializer = serializer{}
	s.Mount(s.Group("/pull"))

	w := s.serve(http.MethodPost, "/pull/watch")
	if w.Body.String() != `"own"` {
		t.Errorf("got %s, want what Echo is configured to send", w.Body)
	}
}

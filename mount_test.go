package pull_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/echo-pull/pull"
)

// A site is an application that is called without a network.
type site struct {
	*pull.Plugin
	*echo.Echo
	reported []error
}

func newSite(t *testing.T, configure func(*pull.Config)) *site {
	t.Helper()
	s := &site{Echo: echo.New()}
	config := pull.Config{
		User:    func(c echo.Context) (string, error) { return c.Request().Header.Get(userHeader), nil },
		OnError: func(err error) { s.reported = append(s.reported, err) },
	}
	if configure != nil {
		configure(&config)
	}
	p, err := pull.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Shutdown(t.Context()) })
	if err := p.Register(pull.Module{ID: "tasks"}); err != nil {
		t.Fatal(err)
	}
	s.Plugin = p
	return s
}

// page is a handler that renders the script tag.
func (s *site) page(c echo.Context) error { return c.HTML(http.StatusOK, string(s.Head(c))) }

func (s *site) serve(method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(`{"extend":["T"]}`))
	r.Header.Set(userHeader, "42")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// head returns the URLs of the script and the connection on the page at a target.
func (s *site) head(target string) (src, url string) {
	body := s.serve(http.MethodGet, target).Body.String()
	found := regexp.MustCompile(`src="([^"]*)\?v=\w+" data-url="([^"]*)"`).FindStringSubmatch(body)
	if found == nil {
		return "", body
	}
	return found[1], found[2]
}

func TestPagesFindTheMountWhereverItIs(t *testing.T) {
	for _, tc := range []struct {
		name  string
		group func(*echo.Echo) *echo.Group
		url   string
	}{
		{"a prefix", func(e *echo.Echo) *echo.Group { return e.Group("/pull") }, "/pull"},
		{"the root", func(e *echo.Echo) *echo.Group { return e.Group("") }, "/"},
		{"a slash", func(e *echo.Echo) *echo.Group { return e.Group("/") }, "/"},
		{"a slash at the end", func(e *echo.Echo) *echo.Group { return e.Group("/pull/") }, "/pull/"},
		{"no slash", func(e *echo.Echo) *echo.Group { return e.Group("pull") }, "/pull"},
		{"a group in a group", func(e *echo.Echo) *echo.Group { return e.Group("/api").Group("/pull") }, "/api/pull"},
		{"slashes in between", func(e *echo.Echo) *echo.Group { return e.Group("/").Group("/pull") }, "/.//pull"},
		{"letters to escape", func(e *echo.Echo) *echo.Group { return e.Group("/наш сайт") }, "/%D0%BD%D0%B0%D1%88%20%D1%81%D0%B0%D0%B9%D1%82"},
		{"an escaped colon", func(e *echo.Echo) *echo.Group { return e.Group(`/v1\:x`) }, "/v1:x"},
		{"a host", func(e *echo.Echo) *echo.Group { return hostGroup(e) }, "/pull"},
		{"trailing slashes added", func(e *echo.Echo) *echo.Group { e.Pre(middleware.AddTrailingSlash()); return e.Group("/pull") }, "/pull"},
		{"trailing slashes added twice", func(e *echo.Echo) *echo.Group { e.Pre(middleware.AddTrailingSlash()); return e.Group("/pull/") }, "/pull/"},
		{"trailing slashes removed", func(e *echo.Echo) *echo.Group { e.Pre(middleware.RemoveTrailingSlash()); return e.Group("/pull") }, "/pull"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t, nil)
			g := tc.group(s.Echo)
			s.Mount(g)
			g.GET("/page", s.page)
			s.GET("/page", s.page)
			s.GET("/page/", s.page)

			src, url := s.head("/page")
			if strings.HasPrefix(tc.name, "a host") {
				src, url = s.head("/pull/page")
			}

			if below := strings.TrimSuffix(tc.url, "/"); url != tc.url || src != below+"/pull.js" {
				t.Fatalf("got %s and %s, want %s and the script below it", url, src, tc.url)
			}
			root := strings.TrimSuffix(strings.Replace(tc.url, "/./", "/", 1), "/")
			for path, want := range map[string]int{"/pull.js": 200, "/pull.mjs": 200, "/pull.d.ts": 200, "/pull.d.mts": 200, "/pull-html.mjs": 200, "/pull-push.mjs": 200, "/pull-shared.js": 200, "/pull-typing.mjs": 200, "/pull-worker.js": 200, "/pull.js/": 200, "/other.js": 404} {
				if got := s.serve(http.MethodGet, root+path).Code; got != want {
					t.Errorf("GET %s: got status %d, want %d", root+path, got, want)
				}
			}
			for _, path := range []string{"/watch", "/watch/"} {
				if got := s.serve(http.MethodPost, root+path).Code; got != http.StatusOK {
					t.Errorf("POST %s: got status %d, want 200", root+path, got)
				}
			}
			if got := s.serve(http.MethodGet, root+"/").Code; got != http.StatusUpgradeRequired {
				t.Errorf("GET %s/: got status %d, want 426", root, got)
			}
		})
	}
}

func TestHeadFillsInTheParametersOfTheMount(t *testing.T) {
	for target, want := range map[string]string{
		"/acme/page":          "/acme/pull",
		"/m%C3%BCller/page":   "/m%C3%BCller/pull",
		"/a%2Fb/page":         "/a%2Fb/pull",
		"/%2F%2Fevil.ex/page": "/%2F%2Fevil.ex/pull",
		"/%22%3E/page":        "/%22%3E/pull",
		"/a+b,c/page":         "/a+b,c/pull",
	} {
		s := newSite(t, nil)
		s.Use(s.Middleware())
		g := s.Group("/:tenant")
		s.Mount(g.Group("/pull"))
		g.GET("/page", s.page)

		if src, url := s.head(target); url != want || src != want+"/pull.js" {
			t.Errorf("%s: got %s and %s, want %s", target, url, src, want)
		}
	}
}

func TestPageWithoutAParameterOfTheMountIsReported(t *testing.T) {
	s := newSite(t, nil)
	s.Mount(s.Group("/:tenant/pull"))
	s.GET("/about", s.page)

	for range 3 {
		if got := s.serve(http.MethodGet, "/about").Body.String(); got != "" {
			t.Errorf("got %s, want nothing", got)
		}
	}

	if err := errors.Join(s.reported...); len(s.reported) != 1 || !strings.Contains(err.Error(), `/about: the route has no parameter "tenant"`) {
		t.Errorf("got reports %v, want one that names the route and the parameter", s.reported)
	}
}

func TestWildcardMountIsReported(t *testing.T) {
	s := newSite(t, nil)
	s.Mount(s.Group("/api/*"))
	s.GET("/page", s.page)

	if got := s.serve(http.MethodGet, "/page").Body.String(); got != "" || len(s.reported) != 1 {
		t.Errorf("got %q and reports %v, want nothing and one report", got, s.reported)
	}
}

func TestPublicPath(t *testing.T) {
	for public, want := range map[string]string{
		"/app/pull":                       "/app/pull",
		"/app/pull/":                      "/app/pull/",
		"/":                               "/",
		"/наш":                            "/%D0%BD%D0%B0%D1%88",
		"/app%2Fx/pull":                   "/app%2Fx/pull",
		"/:tenant/rt":                     "/acme/rt",
		"https://rt.shop.example:8443":    "https://rt.shop.example:8443/",
		"https://rt.example/:tenant/pull": "https://rt.example/acme/pull",
	} {
		s := newSite(t, func(c *pull.Config) { c.PublicPath = public })
		s.Mount(s.Group("/internal"))
		s.GET("/:tenant/page", s.page)

		if src, url := s.head("/acme/page"); url != want || src != strings.TrimSuffix(want, "/")+"/pull.js" {
			t.Errorf("%s: got %s and %s, want %s", public, url, src, want)
		}
	}
	for _, public := range []string{
		"pull", "./pull", "//cdn.example/pull", `/\cdn.example`, "ftp://shop.example/pull", "https:///pull", "https:pull",
		"https://*.shop.example/pull", "https://shop.example:99999", "/:/pull", "/pull/:",
		"https://ann@shop.example/pull", "/pull?v=1", "/pull?", "/pull#top", "/pull/*", "/%zz", "javascript:alert(1)",
	} {
		_, err := pull.New(pull.Config{User: func(echo.Context) (string, error) { return "", nil }, PublicPath: public})
		if err == nil || !strings.Contains(err.Error(), "PublicPath") {
			t.Errorf("%q: got %v, want an error of PublicPath", public, err)
		}
	}
}

func TestClientsFilesAreServedInFrontOfTheGroupsLogin(t *testing.T) {
	s := newSite(t, nil)
	s.Use(s.Middleware())
	login := func(echo.HandlerFunc) echo.HandlerFunc {
		return func(echo.Context) error { return echo.ErrUnauthorized }
	}
	s.Mount(s.Group("/pull", login))

	for path, want := range map[string]int{"/pull/pull.js": 200, "/pull/pull.mjs": 200, "/pull/pull.d.ts": 200, "/pull/pull.d.mts": 200, "/pull/pull-html.mjs": 200, "/pull/pull-push.mjs": 200, "/pull/pull-shared.js": 200, "/pull/pull-typing.mjs": 200, "/pull/pull-worker.js": 200, "/pull": 401, "/pull/x": 401} {
		if got := s.serve(http.MethodGet, path).Code; got != want {
			t.Errorf("GET %s: got status %d, want %d", path, got, want)
		}
	}
	if got := s.serve(http.MethodPost, "/pull/watch").Code; got != http.StatusUnauthorized {
		t.Errorf("POST /pull/watch: got status %d, want 401", got)
	}
}

// A browser refuses a worker of another type, and asks for the header if the worker
// is to show notifications for more than what is below the mount.
func TestServiceWorkerMayBeRegisteredForTheWholeSite(t *testing.T) {
	s := newSite(t, nil)
	s.Mount(s.Group("/pull"))

	for path, want := range map[string]string{"/pull/pull-worker.js": "/", "/pull/pull-push.mjs": "", "/pull/pull.js": ""} {
		header := s.serve(http.MethodGet, path).Header()
		if got := header.Get("Service-Worker-Allowed"); got != want {
			t.Errorf("%s: got Service-Worker-Allowed %q, want %q", path, got, want)
		}
		if got := header.Get("Content-Type"); got != "text/javascript; charset=utf-8" {
			t.Errorf("%s: got Content-Type %q, want JavaScript", path, got)
		}
		if got := header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s: got Cache-Control %q, want no-cache", path, got)
		}
	}
}

func TestHeadSaysWhyAPageDoesNotConnect(t *testing.T) {
	for _, tc := range []struct {
		off  string
		user string
		err  error
		use  pull.Section
	}{
		{off: "guest"},
		{off: "user", err: errors.New("no such session")},
		{off: "user", user: strings.Repeat("x", 256)},
		{off: "section", user: "42", use: pull.AdminSection},
		{off: "section", user: "42", use: pull.NoSection},
	} {
		s := newSite(t, func(c *pull.Config) {
			c.User = func(echo.Context) (string, error) { return tc.user, tc.err }
			c.Nonce = func(echo.Context) string { return "n0nce" }
		})
		if err := s.Register(pull.Module{ID: "tasks", Use: tc.use}); err != nil {
			t.Fatal(err)
		}
		s.GET("/page", s.page)
		if got := s.serve(http.MethodGet, "/page").Body.String(); got != "" {
			t.Errorf("before Mount: got %s, want nothing", got)
		}
		s.Mount(s.Group("/pull"))

		got := s.serve(http.MethodGet, "/page").Body.String()

		if !strings.Contains(got, ` data-off="`+tc.off+`"`) || !strings.Contains(got, `src="/pull/pull.js`) ||
			!strings.Contains(got, ` nonce="n0nce"`) || strings.Contains(got, "data-url") || strings.Contains(got, "data-user") {
			t.Errorf("%+v: got %s, want the script alone with its reason", tc, got)
		}
	}
}

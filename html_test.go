package pull_test

import (
	"crypto/sha512"
	"encoding/base64"
	"html/template"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// Fragments belong to no module, so pages that show them need none.
func TestPagesWithHTMLConnectWithoutAModule(t *testing.T) {
	for _, html := range []bool{false, true} {
		e := echo.New()
		p, err := pull.New(pull.Config{HTML: html, User: func(echo.Context) (string, error) { return "ann", nil }})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Shutdown(t.Context()) })
		s := &site{Echo: e, Plugin: p}
		s.Mount(s.Group("/pull"))
		s.GET("/page", s.page)
		s.GET("/admin", s.page, s.Section(pull.AdminSection))

		page, admin := s.serve(http.MethodGet, "/page").Body.String(), s.serve(http.MethodGet, "/admin").Body.String()

		if connects := !strings.Contains(page, `data-off="section"`); connects != html {
			t.Errorf("HTML %t: a page connects: %t, want %t: %s", html, connects, html, page)
		}
		if connects := !strings.Contains(admin, `data-off="section"`); connects != html {
			t.Errorf("HTML %t: a page of another section connects: %t, want %t: %s", html, connects, html, admin)
		}
	}
}

func TestHeadLoadsTheFileForHTMLOnRequest(t *testing.T) {
	for path, elsewhere := range map[string]bool{"/pull": false, "https://rt.app.test/pull": true} {
		for _, wanted := range []bool{false, true} {
			s := newSite(t, func(c *pull.Config) {
				c.HTML, c.PublicPath = wanted, path
				c.Nonce = func(echo.Context) string { return "n0nce" }
			})
			s.Mount(s.Group("/pull"))
			s.GET("/page", s.page)
			sum := sha512.Sum384(s.serve(http.MethodGet, "/pull/pull-html.mjs").Body.Bytes())

			first, second, _ := strings.Cut(s.serve(http.MethodGet, "/page").Body.String(), "</script>")

			if !strings.Contains(first, ` src="`+path+`/pull.js?v=`) {
				t.Errorf("got %s first, want pull.js", first)
			}
			if !wanted {
				if second != "" {
					t.Errorf("without Config.HTML: got %s, want nothing", second)
				}
				continue
			}
			integrity := template.HTMLEscapeString("sha384-" + base64.StdEncoding.EncodeToString(sum[:]))
			for _, part := range []string{`<script type="module" src="` + path + `/pull-html.mjs?v=`, ` nonce="n0nce" integrity="` + integrity + `"`} {
				if !strings.Contains(second, part) {
					t.Errorf("got %s, want %s in it", second, part)
				}
			}
			if got := strings.Contains(second, ` crossorigin="anonymous"`); got != elsewhere {
				t.Errorf("PublicPath %q: got %s, want crossorigin %t", path, second, elsewhere)
			}
		}
	}
}

// Fragments and the watches of a page belong to no module.
func TestPageForHTMLConnectsWithoutAModule(t *testing.T) {
	for name, tc := range map[string]struct {
		use, request pull.Section
		html, off    bool
	}{
		"no module uses it":       {pull.NoSection, pull.PublicSection, true, false},
		"another section is used": {pull.AdminSection, pull.PublicSection, true, false},
		"the page has no section": {pull.PublicSection, pull.NoSection, true, true},
		"without HTML":            {pull.NoSection, pull.PublicSection, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(c *pull.Config) { c.HTML = tc.html })
			if err := s.Register(pull.Module{ID: "tasks", Use: tc.use}); err != nil {
				t.Fatal(err)
			}
			s.Mount(s.Group("/pull"))
			s.GET("/page", s.page, s.Section(tc.request))

			got := s.serve(http.MethodGet, "/page").Body.String()

			if off := strings.Contains(got, ` data-off="section"`); off != tc.off || off == strings.Contains(got, "data-url=") {
				t.Errorf("got %s, want a page that is off: %t", got, tc.off)
			}
		})
	}
}

func TestHeadNamesThePauseOfDOMEvents(t *testing.T) {
	for pause, want := range map[time.Duration]string{
		0: "", -1: "false", 250 * time.Millisecond: "250", 500 * time.Microsecond: "0.5", math.MaxInt64: "2147483647",
	} {
		s := newSite(t, func(c *pull.Config) { c.DOMEvents = pause })
		s.Mount(s.Group("/pull"))
		s.GET("/page", s.page)

		got := s.serve(http.MethodGet, "/page").Body.String()

		_, rest, found := strings.Cut(got, ` data-dom-events="`)
		if value, _, _ := strings.Cut(rest, `"`); value != want || found == (want == "") {
			t.Errorf("%s: got %s, want data-dom-events %q", pause, got, want)
		}
	}
}

package pull_test

import (
	"crypto/sha512"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

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

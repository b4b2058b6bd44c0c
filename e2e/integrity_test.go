package e2e

import (
	"strings"
	"testing"

	"github.com/echo-pull/pull"
)

// The browser checks the hash of a cross-origin script only with CORS.
func TestScriptOfAnotherOriginIsCheckedAndRuns(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *pull.Config) { c.Guests = true })
	other := strings.Replace(s.url, "127.0.0.1", "localhost", 1)
	s.config.PublicPath, s.config.AllowedOrigins = other+"/pull", []string{s.url}
	s.restart()
	page := newPerson(t, "").open(t, s.url+"/page") // the user's cookie is not sent to another site

	page.connected()

	page.until(`document.scripts[0].src.startsWith("` + other + `") && document.scripts[0].integrity.startsWith("sha384-")`)
}

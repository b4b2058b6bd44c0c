package e2e

import (
	"testing"

	"github.com/echo-pull/pull"
)

func TestPageFromTheBackForwardCacheMissesNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	page := newPerson(t, "ann").open(t, s.url+"/page")
	page.connected()
	page.run(`window.shown = []
		addEventListener("pageshow", ({ persisted }) => shown.push(persisted))`)
	s.send(pull.User("ann"), 1)
	page.heard(1)

	page.run(`location.assign("/elsewhere")`)
	page.until(`document.title === "elsewhere"`)
	eventually(t, "the server lets the session go", func() bool { return s.current().Stats().Sessions == 0 })
	s.send(pull.User("ann"), 2, 3)
	page.run("history.back()")

	page.until("window.shown?.at(-1) === true")
	page.connected()
	s.send(pull.User("ann"), 4)
	page.heard(1, 2, 3, 4)
	page.clean()
}

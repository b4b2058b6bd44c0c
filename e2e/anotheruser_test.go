package e2e

import (
	"testing"

	"github.com/echo-pull/pull"
)

func TestPageOfOneUserNeverShowsAnothersEvents(t *testing.T) {
	t.Parallel()
	for _, login := range []string{"bob", ""} {
		t.Run("login "+login, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, func(c *pull.Config) { c.Guests = true })
			person := newPerson(t, "ann")
			page := person.open(t, s.url+"/page")
			page.connected()
			page.run(`window.sessions = 0
				BX.PULL.on("session", () => sessions++)`)
			s.send(pull.User("ann"), 1)
			page.heard(1)

			page.cookie(s.url, login) // in another tab
			page.run(`dispatchEvent(new Event("offline"))`)
			s.send(pull.Shared(), 2)
			page.run(`dispatchEvent(new Event("online"))`)
			page.until("sessions === 1")
			before := s.attempts()
			page.run(`for (const name of ["online", "focus", "pageshow"]) dispatchEvent(new Event(name))`)
			page.until(`statuses.at(-1) === "offline"`) // after the five seconds within which it would have reconnected

			page.heard(1)
			if got := value[string](page, "errors.join()"); got != "AUTHORIZE_ERROR" {
				t.Errorf("the page got the errors %q, want one AUTHORIZE_ERROR", got)
			}
			if s.attempts() != before || s.current().Stats().Sessions != 0 {
				t.Errorf("the page has connected again, want it to stay away")
			}
			page.visit(s.url + "/page")
			page.connected()
			if got := value[string](page, "BX.PULL.getDebugInfo().user"); got != login {
				t.Errorf("the page that was loaded again is of %q, want %q", got, login)
			}
			page.clean()
		})
	}
}

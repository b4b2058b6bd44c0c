package e2e

import (
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// Guests have a stream that begins with the grant in its address: between rendering and
// connecting, in a planned restart, and while the network is away, they miss nothing.
func TestHTMXWithAGrantMissesNothing(t *testing.T) {
	t.Parallel()
	for library := range streamPages {
		t.Run(library, func(t *testing.T) {
			t.Parallel()
			state := t.TempDir() + "/state"
			s := newSite(t, func(c *pull.Config) { c.StateFile, c.Guests = state, true })
			gate := make(chan struct{})
			s.breakWith(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					<-gate
					return next(c)
				}
			})
			page := newPerson(t, "").open(t, s.url+"/stream/"+library+"?tag=A")
			want := []string{"one", "", "three"}
			add := func(text string) {
				s.adds("A", text, "")
				s.adds("B", "another", "")
				want = append(want, text)
			}
			add("on the way")
			add("as well")
			s.adds("A", "replaced", "k")
			s.adds("A", "kept", "k")
			want = append(want, "kept")
			s.keeps(6)
			close(gate)
			page.lists(want...)
			s.hasPages("A", 1)
			add("live")
			page.lists(want...)

			s.stop()
			s.start(s.url[len("http://"):])
			add("restarted") // before the page is back
			page.lists(want...)

			page.offline(true)
			add("away")
			page.offline(false)
			page.lists(want...)
			if gaps := value[int](page, "gaps"); gaps != 0 {
				t.Errorf("the page was notified of %d gaps, want none", gaps)
			}
			page.close()
			s.hasPages("A", 0)
		})
	}
}

// With a secret, a grant outlives a crash: the page is notified, and goes on.
func TestHTMXWithAGrantIsNotifiedOfAGap(t *testing.T) {
	t.Parallel()
	for library := range streamPages {
		t.Run(library, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, func(c *pull.Config) { c.Secret, c.Guests = make([]byte, 32), true })
			page := newPerson(t, "").open(t, s.url+"/stream/"+library+"?tag=A")
			s.adds("A", "before", "")
			page.lists("one", "", "three", "before")

			s.restart()

			page.until("gaps === 1")
			s.adds("A", "after", "")
			page.lists("one", "", "three", "before", "after")
		})
	}
}

package e2e

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// From rendering to connecting, while the network is away, and over a planned
// restart: the page misses nothing of its tag, and shows no step twice.
func TestWatchedPageMissesNothing(t *testing.T) {
	onEachTransport(t, func(t *testing.T, fault echo.MiddlewareFunc, noise ...string) {
		t.Helper()
		for name, user := range map[string]string{"user": "ann", "guest": ""} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				state := filepath.Join(t.TempDir(), "state")
				s := newWatchedSite(t, func(c *pull.Config) { c.StateFile = state })
				gate := make(chan struct{})
				s.breakWith(func(next echo.HandlerFunc) echo.HandlerFunc {
					return func(c echo.Context) error {
						<-gate
						return fault(next)(c)
					}
				})
				page := newPerson(t, user).open(t, s.watched("A"))
				s.send(pull.Tag("A"), 1)
				s.send(pull.Tag("B"), -1)
				s.adds("A", "replaced", "k")
				s.adds("A", "kept", "k")
				s.adds("A", "each", "")
				if value[bool](page, "BX.PULL.isConnected()") {
					t.Error("the page had connected already, want it held back")
				}
				s.keeps(5)
				close(gate)

				page.isWatching()
				page.lists("kept", "each")
				var users []string
				if user != "" {
					users = []string{user}
				}
				s.hasPages("A", 1, users...)
				s.adds("A", "live 1", "k")
				s.adds("A", "live 2", "k")
				s.send(pull.Tag("A"), 2)
				page.lists("kept", "each", "live 1", "live 2")

				page.offline(true)
				s.hasPages("A", 0)
				s.send(pull.Tag("A"), 3)
				s.adds("A", "replaced", "k")
				s.adds("A", "away", "k")
				s.keeps(11)
				page.offline(false)
				page.isWatching()
				page.lists("kept", "each", "live 1", "live 2", "away")

				s.stop()
				s.start(s.url[len("http://"):])
				s.send(pull.Tag("B"), -1)
				s.send(pull.Tag("A").Or(pull.Shared()), 4)
				s.adds("A", "restarted", "k")
				page.lists("kept", "each", "live 1", "live 2", "away", "restarted")
				page.isWatching()
				s.hasPages("A", 1, users...)
				s.send(pull.Tag("A"), 5)

				page.heard(1, 2, 3, 4, 5)
				if errors := value[string](page, "errors.join()"); errors != "" {
					t.Errorf("the page has the errors %s, want none", errors)
				}
				page.clean(append(noise, "WebSocket", "ERR_CONNECTION_REFUSED", "ERR_INTERNET_DISCONNECTED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_NETWORK_CHANGED")...)
			})
		}
	})
}

// A server that has lost its history: with a secret the page goes on after a gap,
// without one its grant is refused.
func TestWatchedPageIsNotifiedOfALostHistory(t *testing.T) {
	t.Parallel()
	for _, library := range []string{"htmx2", "htmx4"} {
		for name, secret := range map[string][]byte{"secret": make([]byte, 32), "no secret": nil} {
			t.Run(library+" "+name, func(t *testing.T) {
				t.Parallel()
				s := newWatchedSite(t, func(c *pull.Config) { c.Secret = secret })
				s.state.Store(1)
				page := newPerson(t, "").open(t, s.watched("A", "library", library))
				page.isWatching()
				page.until(`document.querySelector("#state").textContent === "1"`)

				s.stop()
				s.state.Store(2) // no page has received this
				s.start(s.url[len("http://"):])

				page.until(`document.querySelector("#state").textContent === "2"`)
				if secret == nil {
					page.until(`document.querySelector("pull-watch[stale]:not([connected])")`)
					page.until(`errors.join() === "WATCH_ERROR forged"`)
					return
				}
				page.until(`document.querySelector("pull-watch[stale][connected]")`)
				s.hasPages("A", 1)
				s.adds("A", "after", "")
				page.lists("after")
				if errors := value[string](page, "errors.join()"); errors != "" {
					t.Errorf("the page has the errors %s, want none", errors)
				}
			})
		}
	}
}

// A part of the page that comes later watches from the request that rendered it.
func TestLaterElementIsNotifiedOfWhatIsBetween(t *testing.T) {
	onEachTransport(t, func(t *testing.T, fault echo.MiddlewareFunc, _ ...string) {
		t.Helper()
		for _, library := range []string{"htmx2", "htmx4"} {
			for late, want := range map[string]string{"": "0", "yes": "1"} {
				t.Run(fmt.Sprintf("%s late %q", library, late), func(t *testing.T) {
					t.Parallel()
					s := newWatchedSite(t, nil)
					s.breakWith(fault)
					page := newPerson(t, "ann").open(t, s.watched("A", "library", library))
					page.isWatching()
					s.state.Store(1)

					page.run(`document.querySelector("#w").id = "first"; htmx.ajax("GET", "/watched/part?tag=B&late=` + late + `", "#place")`)

					page.until(`document.querySelector("#place pull-watch[connected]")`)
					s.hasPages("B", 1, "ann")
					page.until(`document.querySelector("#state").textContent === "` + want + `"`)
					page.until(fmt.Sprintf(`gaps === %s && document.querySelectorAll("pull-watch[stale]").length === gaps * 2`, want))
					s.send(pull.Tag("B"), 1)
					s.send(pull.Tag("A"), 2)
					page.until(`heard.join() === "1,2"`)
				})
			}
		}
	})
}

func TestElementThatIsRemovedEndsItsWatch(t *testing.T) {
	onEachTransport(t, func(t *testing.T, fault echo.MiddlewareFunc, noise ...string) {
		t.Helper()
		s := newWatchedSite(t, nil)
		s.breakWith(fault)
		page := newPerson(t, "ann").open(t, s.watched("A"))
		other := newPerson(t, "").open(t, s.watched("A"))
		page.isWatching()
		other.isWatching()
		s.hasPages("A", 2, "ann")

		page.run(`document.querySelector("#w").remove()`)

		s.hasPages("A", 1)
		s.send(pull.Tag("A"), -1)
		s.send(pull.Shared(), 1)
		page.heard(1)
		other.heard(-1, 1)
		other.close()
		s.hasPages("A", 0)
		page.clean(noise...)
	})
}

// The nodes know of the pages of one another, and count each once.
func TestWatchedPagesAreOnTwoNodes(t *testing.T) {
	t.Parallel()
	log, secret := new(pull.Memory), make([]byte, 32)
	share := func(c *pull.Config) { c.Broker, c.Secret = log, secret }
	first, second := newWatchedSite(t, share), newWatchedSite(t, share)
	ann := newPerson(t, "ann").open(t, first.watched("A"))
	guest := newPerson(t, "").open(t, second.watched("A"))
	moved := newPerson(t, "bob").open(t, second.watched("A", "grant", first.grantFor("bob", "A"))) // rendered by the other node
	for _, page := range []*tab{ann, guest, moved} {
		page.isWatching()
	}

	for _, s := range []*site{first, second} {
		eventually(t, "three pages", func() bool { return s.current().Watch().Pages("A") == 3 })
		eventually(t, "two users", func() bool { return fmt.Sprint(s.current().Presence().At("A")) == "[ann bob]" })
	}
	first.send(pull.Tag("A"), 1)
	second.send(pull.Tag("A"), 2)
	for _, page := range []*tab{ann, guest, moved} {
		page.heard(1, 2)
	}
	guest.close()
	for _, s := range []*site{first, second} {
		eventually(t, "two pages", func() bool { return s.current().Watch().Pages("A") == 2 })
	}
}

package e2e

import (
	"fmt"
	"testing"

	"github.com/echo-pull/pull/e2e/internal/autopushtest"
)

// newChromiumPage opens the small page with its worker in a new Chromium profile
// that has the permission.
func newChromiumPage(t *testing.T) (*pushSite, *tab, *workers) {
	t.Helper()
	site, ann := newPushSite(t), newPerson(t, "ann")
	ann.permit(t, site.url, granted)
	page := ann.open(t, site.url+"/")
	page.run("register()")
	return site, page, page.watchWorkers()
}

func TestChromiumShowsDeliveredMessages(t *testing.T) {
	t.Parallel()
	site, page, workers := newChromiumPage(t)

	for _, n := range []note{{"old", "", "a"}, {"other", "", "b"}, {"new", "of two", "a"}} {
		workers.deliver(site.url+"/", n.json(t))
		site.hears(t, "push", n.Title)
	}

	page.notes(note{"new", "of two", "a"}, note{"other", "", "b"})
}

func TestChromiumDeliversMessagesWithoutAPage(t *testing.T) {
	t.Parallel()
	site, page, workers := newChromiumPage(t)
	page.visit("about:blank")

	workers.deliver(site.url+"/", note{"away", "", "a"}.json(t))

	site.hears(t, "push", "away")
	page.visit(site.url + "/")
	page.notes(note{"away", "", "a"})
}

func TestChromiumWithoutPermissionShowsNothing(t *testing.T) {
	t.Parallel()
	site, ann := newPushSite(t), newPerson(t, "ann")
	ann.permit(t, site.url, denied)
	page := ann.open(t, site.url+"/")
	page.run("register()")

	got := promised[string](page, `navigator.serviceWorker.ready.then((r) => r.showNotification("no")).catch((error) => error.name)`)

	if got != "TypeError" {
		t.Errorf("showNotification is %q, want TypeError", got)
	}
	page.notes()
}

// Clients need a timeout of their own: without Google's push service, Chromium
// neither subscribes nor refuses to.
func TestChromiumNeverAnswersASubscription(t *testing.T) {
	t.Parallel()
	site, ann := newPushSite(t), newPersistent(t, "ann")
	ann.permit(t, site.url, granted)
	page := ann.open(t, site.url+"/")
	page.run("register()")

	got := promised[string](page, fmt.Sprintf(`Promise.race([
		subscribe(%q).then(() => "subscribed", String),
		new Promise((resolve) => setTimeout(() => resolve("hangs"), 3000)),
	])`, autopushtest.NewSender(t).Key()))

	if got != "hangs" {
		t.Errorf("subscribe is %s, want no answer", got)
	}
}

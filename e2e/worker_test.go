package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/notification"
)

// payload returns the message for a notification.
func payload(p notification.Push) string {
	n := notification.New(p, "1", time.Now())
	return string(n.Payload())
}

// newWorkerPage opens a page of a site with a worker in a new Chromium profile
// that has the permission.
func newWorkerPage(t *testing.T, script, scope string) (*clientSite, *tab, *workers) {
	t.Helper()
	site, ann := newClientSite(t, nil), newPerson(t, "ann")
	ann.permit(t, site.url, granted)
	page := ann.open(t, site.url+"/")
	page.run(`registered("` + script + `", "` + scope + `")`)
	return site, page, page.watchWorkers()
}

func TestWorkerShowsNotifications(t *testing.T) {
	t.Parallel()
	site, page, workers := newWorkerPage(t, "/pull/pull-worker.js", "/")

	workers.deliver(site.url+"/", payload(notification.Push{Title: "Ann", Body: "Grüße 🐙", Tag: "im-7"}))

	site.hasShown("Ann")
	page.notes(note{"Ann", "Grüße 🐙", "im-7"})
	page.clean()
}

func TestWorkerReplacesNotificationsByTag(t *testing.T) {
	t.Parallel()
	site, page, workers := newWorkerPage(t, "/pull/pull-worker.js", "/")

	workers.deliver(site.url+"/", payload(notification.Push{Title: "old", Tag: "a"}))
	workers.deliver(site.url+"/", payload(notification.Push{Title: "new", Tag: "a"}))
	workers.deliver(site.url+"/", payload(notification.Push{Title: "other", Tag: "b"}))

	site.hasShown("other")
	page.notes(note{"new", "", "a"}, note{"other", "", "b"})
	page.clean()
}

func TestWorkerShowsSomethingForMessagesThatItCannotRead(t *testing.T) {
	t.Parallel()
	site, page, workers := newWorkerPage(t, "/pull/pull-worker.js", "/")

	workers.deliver(site.url+"/", "not JSON")

	site.hasShown(site.url[len("http://"):])
	page.notes(note{site.url[len("http://"):], "", "pull"})
}

// appWorkerNotes is what an application's worker has noted.
type appWorkerNotes struct {
	Badges  []int    `json:"badges"`
	Foreign []string `json:"foreign"`
	Opened  []string `json:"opened"`
}

func TestImportedWorkerLeavesMessagesOfOthersAlone(t *testing.T) {
	t.Parallel()
	site, page, workers := newWorkerPage(t, "/app-worker.js", "/")

	workers.deliver(site.url+"/", "hello")
	workers.deliver(site.url+"/", `{"title":"of the application"}`)
	workers.deliver(site.url+"/", payload(notification.Push{Title: "ours", Tag: "a"}))

	site.hasShown("ours")
	page.notes(note{"ours", "", "a"})
	got := promised[appWorkerNotes](page, "ask({})").Foreign
	if want := []string{"hello", `{"title":"of the application"}`}; !slices.Equal(got, want) {
		t.Errorf("the application's worker got %q, want %q", got, want)
	}
}

func TestWorkerSetsTheBadge(t *testing.T) {
	t.Parallel()
	site, page, workers := newWorkerPage(t, "/app-worker.js", "/")

	for _, p := range []notification.Push{
		{Title: "three", Tag: "a", Badge: 3},
		{Title: "as it is", Tag: "b"},
		{Title: "none", Tag: "c", Badge: -1},
	} {
		workers.deliver(site.url+"/", payload(p))
		site.hasShown(p.Title)
	}

	eventually(t, "two badges", func() bool {
		return slices.Equal(promised[appWorkerNotes](page, "ask({})").Badges, []int{3, 0})
	})
}

// A click that no user made lets a worker focus no page, so it opens one.
func TestWorkerOpensThePageIfItCannotFocusOne(t *testing.T) {
	t.Parallel()
	site, page, workers := newWorkerPage(t, "/app-worker.js", "/")
	page.run("client.push.state()") // answers the worker
	workers.deliver(site.url+"/", payload(notification.Push{Title: "click me", URL: "/im/7", Tag: "a"}))
	site.hasShown("click me")
	page.notes(note{"click me", "", "a"})

	page.run(`ask({ click: "click me" })`)

	eventually(t, "the worker opens the page", func() bool {
		return slices.Equal(promised[appWorkerNotes](page, "ask({})").Opened, []string{site.url + "/im/7"})
	})
	page.notes()
}

func TestWorkerIgnoresClicksOnNotificationsOfOthers(t *testing.T) {
	t.Parallel()
	_, page, _ := newWorkerPage(t, "/app-worker.js", "/")
	page.run(`navigator.serviceWorker.ready.then((one) => one.showNotification("theirs", { tag: "a" }))`)

	page.run(`ask({ click: "theirs" })`)

	page.notes(note{"theirs", "", "a"})
	if got := promised[appWorkerNotes](page, "ask({})").Opened; len(got) != 0 {
		t.Errorf("the worker opened %v, want nothing", got)
	}
}

func TestEnableEndsInChromiumWithoutItsPushService(t *testing.T) {
	t.Parallel()
	site, ann := newClientSite(t, nil), newPersistent(t, "ann")
	ann.permit(t, site.url, granted)
	page := ann.open(t, site.url+"/")

	got := promised[string](page, `client.push.enable({ timeout: 1 }).catch((error) => error.code)`)

	if got != "timeout" {
		t.Errorf("enable is %s, want timeout", got)
	}
	if got := promised[string](page, "client.push.state()"); got != "off" {
		t.Errorf("the state is %s, want off", got)
	}
}

package e2e

import (
	"testing"
)

// newReachable opens a page that is connected in Firefox, whose user has turned
// notifications on.
func newReachable(t *testing.T) (*clientSite, *firefox, *foxTab) {
	t.Helper()
	site, f, page := newFoxClient(t, "granted")
	page.enable()
	live := f.open(t, site.url+"/live")
	live.until("globalThis.client?.isConnected()")
	if err := page.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return site, f, live
}

// A handler sends. Who looks at the page gets the event and no notification; who
// looks at another tab, and who has closed the page, gets a notification, which
// leads back.
func TestMessageOfAHandlerReachesItsUserWhereverTheUserIs(t *testing.T) {
	t.Parallel()
	site, f, page := newReachable(t)

	site.say("to the page", "im-1")
	page.until(`heard.includes("to the page")`)

	f.open(t, "about:blank") // in front of the page
	page.until(`document.visibilityState === "hidden"`)
	site.say("to another tab", "im-2")
	site.hasShown("to another tab")
	page.until(`heard.includes("to another tab")`)

	if err := page.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	site.showWithoutPages("/")
	site.say("to nobody", "im-3")
	site.hasShown("to nobody")
	if err := f.Click(t.Context(), "to nobody"); err != nil {
		t.Fatal(err)
	}

	if _, err := f.Find(t.Context(), site.url+"/live/im/7"); err != nil {
		t.Error(err)
	}
	if site.showed("to the page") {
		t.Error("a notification was shown although the page was looked at")
	}
}

// What was shown is closed when the user reads it on another page, and what waits
// is not sent.
func TestReadingClosesWhatIsShown(t *testing.T) {
	t.Parallel()
	site, f, page := newReachable(t)
	f.open(t, "about:blank")
	page.until(`document.visibilityState === "hidden"`)
	site.say("seven", "im-7")
	site.say("eight", "im-8")
	site.hasShown("seven")
	site.hasShown("eight")

	if err := site.plugin.Push().Read(user, "im-7"); err != nil {
		t.Fatal(err)
	}

	page.settles(`shown().then((all) => all.length === 1 && all[0].title === "eight")`)
	foxValue[any](page, `client.read("im-8")`)
	page.settles(`shown().then((all) => all.length === 0)`)
}

// The browser is killed, a handler sends, and the browser starts again.
func TestMessageReachesABrowserThatWasNotRunning(t *testing.T) {
	t.Parallel()
	f, err := startFirefox(t.Context())
	needFirefox(t, err)
	t.Cleanup(f.end)
	site := newClientSite(t, f.service.Client())
	if err := f.Permit(t.Context(), site.url, "notifications", "granted"); err != nil {
		t.Fatal(err)
	}
	page := f.open(t, site.url+"/")
	page.until("globalThis.client")
	page.enable()
	eventually(t, "Firefox has stored the subscription", func() bool { return f.saved(site.url) })
	f.Kill()

	site.say("while away", "im-7")
	eventually(t, "the message waits at the push service", func() bool { return f.service.Waiting(site.subscriptions()[0].Endpoint) == 1 })
	if err := f.start(t.Context()); err != nil {
		t.Fatal(err)
	}

	site.hasShown("while away")
}

// Another user logs in, in the same browser: from then on it gets the notifications
// of that user only. After the logout it gets none.
func TestSubscriptionBelongsToWhoIsLoggedIn(t *testing.T) {
	t.Parallel()
	site, f, page := newReachable(t)

	foxValue[any](page, `void (document.cookie = "user" + location.port + "=43")`)
	page.settles(`client.push.state().then((state) => state === "on")`)
	if a, b := len(site.subscriptions()), len(site.subscriptionsOf("43")); a != 0 || b != 1 {
		t.Errorf("user 42 has %d subscriptions and user 43 has %d, want 0 and 1", a, b)
	}

	endpoint := site.subscriptionsOf("43")[0].Endpoint
	foxValue[any](page, `void (document.cookie = "user" + location.port + "=")`)
	page.settles(`client.push.state().then((state) => state === "off")`)
	eventually(t, "the endpoint is gone", func() bool { return f.service.Gone(endpoint) })
}

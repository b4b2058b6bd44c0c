package e2e

import (
	"fmt"
	"testing"

	"github.com/echo-pull/pull/internal/notification"
)

// newFoxClient opens a page with the client in Firefox, whose user has decided
// about notifications.
func newFoxClient(t *testing.T, permission string) (*clientSite, *firefox, *foxTab) {
	t.Helper()
	f := sharedFirefox(t)
	site := newClientSite(t, f.service.Client())
	if err := f.Permit(t.Context(), site.url, "notifications", permission); err != nil {
		t.Fatal(err)
	}
	page := f.open(t, site.url+"/")
	page.until("globalThis.client")
	return site, f, page
}

// enable turns notifications on as by a click on a button.
func (p *foxTab) enable() {
	p.Helper()
	var got string
	if err := p.EvalByUser(p.Context(), `client.push.enable({ scope: "/" }).catch(({ code, message }) => code + ": " + message)`, &got); err != nil {
		p.Fatal(err)
	}
	if got != "on" {
		p.Fatalf("enable is %s, want on", got)
	}
}

func TestClientEnablesAndDisablesNotificationsInFirefox(t *testing.T) {
	t.Parallel()
	site, f, page := newFoxClient(t, "granted")

	page.enable()

	if got := foxValue[string](page, "client.push.state()"); got != "on" {
		t.Errorf("the state is %s, want on", got)
	}
	saved := site.subscriptions()
	if len(saved) != 1 {
		t.Fatalf("%d subscriptions are saved, want 1", len(saved))
	}
	site.send(notification.Push{Title: "Ann", Body: "Grüße 🐙", Tag: "im-7"})
	site.hasShown("Ann")
	compareNotes(t, foxValue[[]note](page, "shown()"), []note{{"Ann", "Grüße 🐙", "im-7"}})

	foxValue[any](page, "client.push.disable()")

	if got := foxValue[string](page, "client.push.state()"); got != "off" {
		t.Errorf("the state is %s, want off", got)
	}
	if left := site.subscriptions(); len(left) != 0 {
		t.Errorf("%d subscriptions are left, want none", len(left))
	}
	eventually(t, "the endpoint is gone", func() bool { return f.service.Gone(saved[0].Endpoint) })
}

func TestClientWithoutPermissionIsDenied(t *testing.T) {
	t.Parallel()
	_, _, page := newFoxClient(t, "denied")

	got := foxValue[[]string](page, `Promise.all([client.push.enable().catch((error) => error.code), client.push.state()])`)

	if fmt.Sprint(got) != "[denied denied]" {
		t.Errorf("enable and the state are %v, want both denied", got)
	}
}

func TestClickGoesToTheNotificationsPage(t *testing.T) {
	t.Parallel()
	site, f, page := newFoxClient(t, "granted")
	page.enable()
	f.open(t, "about:blank")
	page.until("visible.at(-1) === false")
	site.send(notification.Push{Title: "go there", URL: "/im/7", Tag: "a"})

	if err := f.Click(t.Context(), "go there"); err != nil {
		t.Fatal(err)
	}

	page.until(`location.pathname === "/im/7" && document.visibilityState === "visible"`)
}

func TestClickIsThePagesIfItPrefersThat(t *testing.T) {
	t.Parallel()
	site, f, page := newFoxClient(t, "granted")
	page.enable()
	foxValue[any](page, `void document.addEventListener("pull:push", (event) => event.preventDefault())`)
	site.send(notification.Push{Title: "take it", URL: "/im/7", Tag: "im-7"})

	if err := f.Click(t.Context(), "take it"); err != nil {
		t.Fatal(err)
	}

	page.until("clicks.length === 1")
	got := foxValue[map[string]string](page, "clicks[0]")
	if got["url"] != site.url+"/im/7" || got["tag"] != "im-7" || got["title"] != "take it" {
		t.Errorf("the page got %v, want the URL, the tag and the title", got)
	}
	if path := foxValue[string](page, "location.pathname"); path != "/" {
		t.Errorf("the page is at %s, want /", path)
	}
}

func TestClickOpensTheNotificationsPageIfThereIsNone(t *testing.T) {
	t.Parallel()
	site, f, page := newFoxClient(t, "granted")
	page.enable()
	if err := page.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	title := site.showWithoutPages("/im/8")

	if err := f.Click(t.Context(), title); err != nil {
		t.Fatal(err)
	}

	if _, err := f.Find(t.Context(), site.url+"/im/8"); err != nil {
		t.Error(err)
	}
}

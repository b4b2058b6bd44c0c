package e2e

import (
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
)

// foxExample opens the example as bob in a Firefox whose user has decided about
// notifications.
func foxExample(t *testing.T, permission string, args ...string) (*example, *firefox, *foxTab) {
	t.Helper()
	f := sharedFirefox(t)
	e := startExample(t, append([]string{"--grace", "100ms", "--patience", "10ms", "--push-service", f.service.Addr()}, args...)...)
	if err := f.Permit(t.Context(), e.url, "notifications", permission); err != nil {
		t.Fatal(err)
	}
	bob := f.open(t, e.url+"/")
	foxValue[any](bob, `void (document.cookie = "name=bob; path=/")`)
	if err := bob.Visit(t.Context(), e.url+"/"); err != nil {
		t.Fatal(err)
	}
	bob.until("globalThis.BX?.PULL?.isConnected()")
	return e, f, bob
}

// ring clicks the bell, whose text then is that.
func (p *foxTab) ring(text string) {
	p.Helper()
	p.until(`document.getElementById("bell").ariaDisabled === "false"`)
	if err := p.EvalByUser(p.Context(), `void document.getElementById("bell").click()`, nil); err != nil {
		p.Fatal(err)
	}
	p.until(`document.getElementById("bell").textContent === "` + text + `"`)
}

func (e *example) say(from, to, text string) {
	e.t.Helper()
	form := url.Values{"to": {"user"}, "at": {to}, "text": {text}}
	if status, body := e.post(from, "/say", form); status != http.StatusOK {
		e.t.Fatalf("status %d and %s, want 200", status, body)
	}
}

// The whole way in Firefox: all windows are closed, and the application has been
// restarted.
func TestExampleNotifiesOneWhoHasClosedAllWindows(t *testing.T) {
	t.Parallel()
	e, f, bob := foxExample(t, "granted", "--state", filepath.Join(t.TempDir(), "state"))
	bob.ring("Turn off notifications")
	if err := bob.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.restart()

	e.say("ann & co", "bob", "Lunch?")

	if err := f.Click(t.Context(), "ann & co"); err != nil {
		t.Fatal(err)
	}
	found, err := f.Find(t.Context(), e.url+"/?to=ann+%26+co")
	if err != nil {
		t.Fatal(err)
	}
	page := &foxTab{t, found}
	page.until(`document.getElementById("to")?.value === "ann & co"`)

	page.until(`document.getElementById("bell").textContent === "Turn off notifications"`)
	endpoint := foxValue[string](page, `navigator.serviceWorker.getRegistrations()
		.then(([one]) => one.pushManager.getSubscription()).then(({ endpoint }) => endpoint)`)
	foxValue[any](page, `void document.getElementById("leave").click()`)
	page.until(`document.getElementById("login")`)
	eventually(t, "the endpoint is gone", func() bool { return f.service.Gone(endpoint) })
	eventually(t, "nobody can write to bob", func() bool {
		status, _ := e.post("ann", "/say", url.Values{"to": {"user"}, "at": {"bob"}, "text": {"Lunch?"}})
		return status == http.StatusConflict
	})
}

// A page that has the message takes the click and stays.
func TestExampleGoesBackToThePageWithTheMessage(t *testing.T) {
	t.Parallel()
	e, f, bob := foxExample(t, "granted")
	bob.ring("Turn off notifications")
	f.open(t, "about:blank")
	bob.until("document.hidden")

	e.say("eve in front", "bob", "Dinner?")
	if err := f.Click(t.Context(), "eve in front"); err != nil {
		t.Fatal(err)
	}

	bob.until(`!document.hidden && document.getElementById("to").value === "eve in front"`)
	if got := foxValue[string](bob, `location.pathname + location.search + document.querySelector(".personal span").textContent`); got != "/Dinner?" {
		t.Errorf("the page is at %s, want / with the message", got)
	}
	bob.ring("Turn on notifications")
}

func TestReadingOnAnotherDeviceClosesTheNotification(t *testing.T) {
	t.Parallel()
	e, f, bob := foxExample(t, "granted")
	bob.ring("Turn off notifications")
	f.open(t, "about:blank")
	bob.until("document.hidden")
	const shown = `navigator.serviceWorker.getRegistrations()
		.then(([one]) => one.getNotifications()).then((all) => all.map(({ title }) => title).join())`
	e.say("eve", "bob", "Supper?")
	eventually(t, "the notification is shown", func() bool { return foxValue[string](bob, shown) == "eve" })

	newPerson(t, "bob").open(t, e.url+"/?to=eve")

	eventually(t, "the notification is closed", func() bool { return foxValue[string](bob, shown) == "" })
}

func TestExampleSaysThatNotificationsAreForbidden(t *testing.T) {
	t.Parallel()
	_, _, bob := foxExample(t, "denied")

	bob.until(`document.getElementById("bell").ariaDisabled === "true" && document.getElementById("bell-note").textContent.includes("in the settings of the browser")`)
}

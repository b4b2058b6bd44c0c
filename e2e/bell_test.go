package e2e

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// bell waits until the bell has that text, and the note below it those words.
func (p *tab) bell(text, note string) {
	p.Helper()
	p.shows("#bell", text)
	p.until(`document.getElementById("bell-note").textContent.includes("` + note + `")`)
}

// The tests' Chromium has private windows, in which it refuses subscriptions.
func TestBellShowsWhyNotificationsStayOff(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	person := newPerson(t, "ann")
	person.permit(t, e.url, granted)
	ann := person.open(t, e.url+"/")
	ann.until(`document.getElementById("bell").ariaDisabled === "false"`)

	ann.must(chromedp.Click(chromedp.CSS("#bell")))

	ann.bell("Turn on notifications", "That did not work")
	ann.must(chromedp.Click(chromedp.CSS("#leave")))
	ann.until(`document.getElementById("login")`)
	ann.clean("Push API", "401") // the login page asks the server about a guest
}

func TestBellIsOffWhereNotificationsAreImpossible(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	for name, script := range map[string]string{
		"no push":          "delete window.PushManager",
		"no notifications": "delete window.Notification",
		"no worker":        "delete Navigator.prototype.serviceWorker",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ann := newPerson(t, "ann").open(t, e.url+"/")
			ann.before(script)
			ann.visit(e.url + "/")

			ann.bell("Turn on notifications", "This browser cannot")

			if got := value[string](ann, `document.getElementById("bell").ariaDisabled`); got != "true" {
				t.Errorf("aria-disabled is %s, want true", got)
			}
			ann.must(chromedp.Click(chromedp.CSS("#bell")))
			ann.must(chromedp.Click(chromedp.CSS("#leave")))
			ann.until(`document.getElementById("login")`)
			ann.clean()
		})
	}
}

// before runs a script before those of the next page.
func (p *tab) before(script string) {
	p.Helper()
	p.must(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
}

// subscribe subscribes a browser of a user, as a program would.
func (e *example) subscribe(name string) {
	e.t.Helper()
	const subscription = `{"endpoint":"https://updates.push.services.mozilla.com/wpush/v2/1","expirationTime":null,"keys":{
		"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`
	r, err := http.NewRequestWithContext(e.t.Context(), http.MethodPost, e.url+"/pull/push", strings.NewReader(subscription))
	if err != nil {
		e.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if status, body := e.do(name, r); status != http.StatusNoContent {
		e.t.Fatalf("status %d and %s, want 204", status, body)
	}
}

func TestMessageReachesOneWhoHasClosedAllWindows(t *testing.T) {
	t.Parallel()
	posted := make(chan string, 1)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		posted <- "https://" + r.Host + r.URL.Path
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(service.Close)
	e := startExample(t, "--grace", "100ms", "--push-service", service.Listener.Addr().String())
	ann, bob := e.list("ann"), e.list("bob")
	ann.choose("bob")
	e.subscribe("bob") // after ann's page has asked who can be notified

	bob.close()
	ann.until(`document.getElementById("to").selectedOptions[0].text === "bob (away: gets a notification)"`)
	ann.submit("/say", "text", "only for bob")

	ann.shows(".personal", "annto bobonly for bob")
	select {
	case got := <-posted:
		if want := "https://updates.push.services.mozilla.com/wpush/v2/1"; got != want {
			t.Errorf("a request to %s, want %s", got, want)
		}
	case <-t.Context().Done():
	}
	if got := value[string](ann, `document.getElementById("left").textContent`); got != "" {
		t.Errorf("the page says %q, want nothing", got)
	}
	ann.clean()
}

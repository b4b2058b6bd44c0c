package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// choose selects the recipient of the next message.
func (p *tab) choose(name string) {
	p.Helper()
	p.until(fmt.Sprintf(`[...document.getElementById("to").options].some((option) => option.value === %q)`, name))
	p.run(fmt.Sprintf(`{
		const to = document.getElementById("to")
		to.value = %q
		to.dispatchEvent(new Event("change"))
	}`, name))
}

func TestMessagesReachWhomTheyAreFor(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	ann, bob := e.list("ann"), e.list("bob")
	eve := newPerson(t, "eve").open(t, e.url+"/m")
	eve.connected()

	ann.choose("bob")
	ann.submit("/say", "text", "only for you")
	bob.shows(".personal span", "only for you")
	ann.submit("/say", "text", "and only for you") // the recipient is still selected
	bob.shows(".personal span", "and only for you")
	ann.choose("eve")
	ann.submit("/say", "text", "and this for you")
	eve.shows(".personal span", "and this for you")
	ann.choose("")
	ann.submit("/say", "text", "hello all")

	for _, page := range []*tab{ann, bob, eve} {
		page.shows("#messages span", "hello all")
		page.clean()
	}
	eve.never(`document.body.textContent.includes("only for you")`)
	bob.never(`document.body.textContent.includes("and this for you")`)
}

func TestSenderSeesAPrivateMessageOnAllPages(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	bob := e.list("bob")
	ann := newPerson(t, "ann")
	desktop, phone := ann.open(t, e.url+"/"), ann.open(t, e.url+"/m")
	desktop.connected()
	phone.connected()

	desktop.choose("bob")
	desktop.submit("/say", "text", "only for you")

	bob.shows(".personal", "annto youonly for you")
	for _, page := range []*tab{desktop, phone} {
		page.shows(".personal", "annto bobonly for you")
	}
}

func TestPrivateMessageToOneWhoLeavesNeverBecomesPublic(t *testing.T) {
	t.Parallel()
	e := startExample(t, "--grace", "100ms")
	ann, bob, eve := e.list("ann"), e.list("bob"), e.list("eve")
	ann.choose("bob")

	bob.close()
	ann.shows("#left", "bob has left: nothing can be sent.")
	ann.submit("/say", "text", "only for bob")
	eve.submit("/tasks", "title", "milk") // a later event
	ann.shows("#tasks .title", "milk")

	ann.never(`document.querySelector("#messages li")`)
	eve.never(`document.body.textContent.includes("only for bob")`)
	if got := value[string](ann, `document.getElementById("to").value`); got != "bob" {
		t.Errorf("the message is for %q, want it to stay for bob", got)
	}
	bob = e.list("bob")
	ann.shows("#left", "")
	ann.submit("/say", "text", "only for bob")
	bob.shows(".personal span", "only for bob")
	ann.clean()
}

// post sends a form as a program would, and returns the status and the body.
func (e *example) post(name, path string, form url.Values) (int, string) {
	e.t.Helper()
	r, err := http.NewRequestWithContext(e.t.Context(), http.MethodPost, e.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		e.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return e.do(name, r)
}

// do sends a request as the named user, or as a guest if name is "".
func (e *example) do(name string, r *http.Request) (int, string) {
	e.t.Helper()
	if name != "" {
		r.AddCookie(&http.Cookie{Name: "name", Value: url.QueryEscape(name)})
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		e.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestMessageThatNamesNoClearRecipientIsRefused(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	eve := e.list("eve")

	for _, form := range []url.Values{
		{"text": {"secret"}},
		{"text": {"secret"}, "to": {"user"}},
		{"text": {"secret"}, "to": {"user"}, "at": {"bob"}}, // there is no such user
		{"text": {"secret"}, "to": {"everyone"}, "at": {"bob"}},
		{"text": {"secret"}, "to": {"page"}},
		{"text": {" "}, "to": {"everyone"}},
		{"text": {strings.Repeat("secret", 40)}, "to": {"everyone"}},
	} {
		if status, body := e.post("ann", "/say", form); status != 400 && status != 409 || !strings.Contains(body, `"message"`) {
			t.Errorf("%v: status %d and %s, want a refusal with a reason", form, status, body)
		}
	}
	eve.submit("/say", "text", "hello all")
	eve.shows("#messages span", "hello all")
	eve.never(`document.body.textContent.includes("secret")`)
}

package e2e

import (
	"fmt"
	"testing"
)

// called waits for a call of a hook, with arguments that satisfy the condition.
func (p *tab) called(hook, condition string) {
	p.Helper()
	p.until(calls(hook, condition))
}

// calls returns an expression: whether the panel of the example, which lists
// every call of a hook, shows such a call.
func calls(hook, condition string) string {
	return fmt.Sprintf(`[...document.querySelectorAll('#calls [data-hook="%s"]')].some((call) => {
		const args = JSON.parse(call.dataset.args)
		return %s
	})`, hook, condition)
}

// submit fills in a field of the form with that action, and sends it.
func (p *tab) submit(address, field, text string) {
	p.Helper()
	p.run(fmt.Sprintf(`{
		const form = document.querySelector('form[action="%s"]:has([name=%s])')
		form.querySelector('[name=%[2]s]').value = %[3]q
		form.querySelector('button:not(.fail)').click()
	}`, address, field, text))
}

func (p *tab) shows(selector, text string) {
	p.Helper()
	p.until(fmt.Sprintf(`[...document.querySelectorAll(%q)].some((one) => one.textContent === %q)`, selector, text))
}

// never fails the test if the expression is true. That proves something only
// after a later event has arrived.
func (p *tab) never(expression string) {
	p.Helper()
	if value[bool](p, "!!("+expression+")") {
		p.Errorf("%s, want never", expression)
	}
}

func TestTaskChangesReachTheOtherWindow(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	ann := newPerson(t, "ann").open(t, e.url+"/")
	bob := newPerson(t, "bob").open(t, e.url+"/m")
	ann.connected()
	bob.connected()

	bob.submit("/tasks", "title", "<b>milk</b>")
	ann.shows("#tasks .title", "<b>milk</b>")
	ann.submit("/tasks", "title", "bread")
	bob.shows("#tasks .title", "bread")
	ann.run(`document.querySelector("#tasks [name=done]").click()`)
	bob.until(`document.querySelector("#tasks [name=done]").checked`)
	bob.run(`document.querySelector("#tasks [data-send=DELETE] button").click()`)
	ann.until(`document.querySelectorAll("#tasks li").length === 1`)

	late := newPerson(t, "eve").open(t, e.url+"/")
	late.until(`document.querySelector("#tasks").innerText.trim().startsWith("bread")`)
	for _, page := range []*tab{ann, bob, late} {
		page.clean()
	}
}

func TestFailedHandlerAnnouncesNothing(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	ann := newPerson(t, "ann").open(t, e.url+"/")
	bob := newPerson(t, "bob").open(t, e.url+"/")
	ann.connected()
	bob.connected()

	ann.run(`{
		const button = document.querySelector("button.fail")
		button.form.querySelector("[name=text]").value = "nobody hears this"
		button.click()
	}`)
	ann.shows(".toasts .error", "409: the handler failed after Send")
	ann.submit("/say", "text", "but this")

	for _, page := range []*tab{ann, bob} {
		page.shows("#messages span", "but this")
		page.never(`document.body.textContent.includes("nobody hears this")`)
	}
	ann.clean("409")
}

func TestAdminSection(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	admin := newPerson(t, "root").open(t, e.url+"/admin")
	ann := newPerson(t, "ann").open(t, e.url+"/")
	admin.connected()
	ann.connected()

	ann.submit("/tasks", "title", "milk")

	admin.called("onPullEvent-audit", `args.length === 3 && args[0] === "save" && args[1].by === "ann" && args[1].task.title === "milk"`)
	admin.shows("#audit li", "annsavedmilk")
	ann.shows("#tasks .title", "milk")
	ann.submit("/say", "text", "done")
	ann.shows("#messages span", "done")
	ann.never(`document.querySelector('#calls [data-hook$="-audit"]')`)
	admin.visit(e.url + "/admin/pull") // the inspector, under the policy of the example
	admin.until(`document.querySelector("#state").dataset.state === "live"`)
	admin.clean()
}

func TestTaskPageShowsItsTaskAndWhatItsWatchersSay(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	ann := newPerson(t, "ann").open(t, e.url+"/")
	ann.connected()
	ann.submit("/tasks", "title", "milk")
	ann.shows("#tasks .title", "milk")
	task := e.url + value[string](ann, `document.querySelector(".task a").getAttribute("href")`)
	bob := newPerson(t, "bob").open(t, task)
	eve := newPerson(t, "eve").open(t, task)
	bob.connected()
	eve.connected()

	ann.run(`document.querySelector("#tasks [name=done]").click()`)
	eve.until(`document.querySelector("#tasks [name=done]").checked`)
	bob.submit("/say", "text", "I am on it")

	eve.shows("#messages span", "I am on it")
	ann.submit("/say", "text", "hello all")
	ann.shows("#messages span", "hello all")
	ann.never(`document.body.textContent.includes("I am on it")`)
	ann.run(`document.querySelector("#tasks [data-send=DELETE] button").click()`)
	eve.until(`!document.querySelector("#tasks li")`)
	bob.clean()
}

func TestStrictPolicyIsInForce(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	ann := newPerson(t, "ann").open(t, e.url+"/")
	ann.connected()
	ann.clean()

	ann.run(`document.body.append(Object.assign(document.createElement("script"), { textContent: "window.evil = true" }))`)

	eventually(t, "the console tells of the violation", func() bool { return ann.said("Content Security Policy") })
	ann.never("window.evil")
}

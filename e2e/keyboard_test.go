package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// press presses keys, like a person without a mouse.
func (p *tab) press(keys string) {
	p.Helper()
	p.must(chromedp.KeyEvent(keys))
}

// focused is an expression for the name by which assistive technology announces
// the focused control.
const focused = `((one) => one.ariaLabel ?? one.labels?.[0]?.textContent ?? one.textContent.trim())(document.activeElement)`

// atFocus waits until the control with that name has a visible focus.
func (p *tab) atFocus(name string) {
	p.Helper()
	p.until(fmt.Sprintf("%s === %q", focused, name))
	p.until(`((style) => style.outlineStyle === "solid" && parseFloat(style.outlineWidth) >= 2)(getComputedStyle(document.activeElement))`)
}

func TestExampleNeedsNoMouse(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	bob := newPerson(t, "bob").open(t, e.url+"/")
	bob.connected()
	ann := newPerson(t, "").open(t, e.url+"/")
	ann.atFocus("Your name")
	ann.press("ann" + kb.Enter)
	ann.connected()
	bob.shows("#people li", "ann")
	ann.shows("#people li", "bob")

	for _, name := range []string{"pull", "Tasks", "Phone", "Admin", "Leave", "New task"} {
		ann.press(kb.Tab)
		ann.atFocus(name)
	}
	ann.press("milk" + kb.Enter)
	bob.shows("#tasks .title", "milk")
	ann.shows("#tasks .title", "milk")
	for _, name := range []string{"Add", "milk"} {
		ann.press(kb.Tab)
		ann.atFocus(name)
	}
	ann.press(" ")
	bob.until(`document.querySelector("#tasks [name=done]").checked`)
	for _, name := range []string{"Open milk", "Delete milk", "Turn on notifications", "To"} {
		ann.press(kb.Tab)
		ann.atFocus(name)
	}
	ann.press(kb.ArrowDown + kb.ArrowDown) // ann, bob
	ann.press(kb.Tab)
	ann.atFocus("Message")
	ann.press("hello" + kb.Enter)
	bob.shows(".personal span", "hello")
	ann.shows(".personal i", "to bob")
	for _, name := range []string{"Send", "Send, then fail: nothing may arrive", "Messages, newest first", "Calls of hooks, newest first"} {
		ann.press(kb.Tab)
		ann.atFocus(name)
	}
	ann.run(`document.querySelector(".task a").focus()`)
	ann.press(kb.Enter)
	ann.until(`location.pathname.startsWith("/tasks/")`)
	ann.connected()
	ann.clean()
}

// list opens the page of the tasks, which are the ones with these titles.
func (e *example) list(name string, titles ...string) *tab {
	e.t.Helper()
	page := newPerson(e.t, name).open(e.t, e.url+"/")
	page.connected()
	for _, title := range titles {
		page.submit("/tasks", "title", title)
		page.shows("#tasks .title", title)
	}
	return page
}

func TestFocusStaysAmongTheTasksWhenOneIsDeleted(t *testing.T) {
	t.Parallel()
	ann := startExample(t).list("ann", "milk", "bread", "salt")

	ann.run(`document.querySelector("[aria-label='Delete bread']").focus()`)
	ann.press(kb.Enter)
	ann.atFocus("Delete salt") // the next task
	ann.press(" ")
	ann.atFocus("Delete milk") // the previous task, because there is no next one
	ann.press(kb.Enter)
	ann.atFocus("New task") // no task is left
	ann.clean()
}

func TestFocusSurvivesWhatOthersDo(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	ann := e.list("ann", "milk", "bread", "salt")
	bob := e.list("bob")
	task := newPerson(t, "eve").open(t, e.url+value[string](ann, `document.querySelector(".task a").getAttribute("href")`))
	task.connected()
	task.run(`document.querySelector("[name=done]").focus()`)
	ann.run(`document.querySelectorAll("[name=done]")[1].focus()`)

	bob.run(`document.querySelector("[aria-label='Delete bread']").click()`)
	ann.atFocus("salt") // the same control of the next task
	ann.run("page.gap()")
	ann.shows(".toasts p", "Something was missed: the page has been brought up to date")
	ann.atFocus("salt")
	bob.run(`document.querySelector("[aria-label='Delete milk']").click()`)
	task.atFocus("All tasks")
	ann.clean()
}

func TestControlsNameTheirTask(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	heard := e.list("ann", "milk")
	rendered := e.list("bob")

	for _, page := range []*tab{heard, rendered} {
		got := value[string](page, `[...document.querySelectorAll("#tasks :is(a, button)")].map((one) => one.ariaLabel).join()`)
		if got != "Open milk,Delete milk" {
			t.Errorf("the controls are called %q, want each to name its task", got)
		}
	}
}

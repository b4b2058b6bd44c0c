package e2e

import (
	"testing"
	"time"

	"github.com/echo-pull/pull"
)

func shared(c *pull.Config) { c.Shared, c.HTML = true, true }

// The tabs have one session. The worker renews it for them, and none of them does.
func TestTabsOfOneConnectionHaveOneLogin(t *testing.T) {
	t.Parallel()
	s := newSessions(t, 6*time.Second, shared)
	ann := newPerson(t, "ann")
	pages := []*tab{s.open(t, ann), s.open(t, ann)}
	watching := ann.open(t, s.watched("ARTICLE"))
	watching.isWatching()
	before := s.attempts()

	eventually(t, "two renewals", func() bool { return s.renewals("ann") >= 2 })
	s.send(pull.User("ann"), 1)
	s.send(pull.Tag("ARTICLE"), 2)

	watching.heard(1, 2)
	if got := s.attempts(); got != before {
		t.Errorf("the tabs connected %d times, want %d", got, before)
	}
	for _, page := range append(pages, watching) {
		if got := value[int](page, `performance.getEntriesByType("resource").filter(({ name }) => /session$/.test(name)).length`); got != 0 {
			t.Errorf("a tab renewed the session %d times, want the worker to do it", got)
		}
	}

	pages[1].run(`fetch("/logout")`)
	watching.until(`errors.join() === "AUTHORIZE_ERROR session over"`)
	for _, page := range pages {
		s.over(page)
	}
	if got := s.sessions(); got != 0 {
		t.Errorf("there are %d connections after the logout, want none", got)
	}
}

// A message reaches the other tabs of the page that sends it, if it is to them.
func TestTabsOfOneConnectionTalk(t *testing.T) {
	t.Parallel()
	s := talking(t, shared)
	open := func(who *person) *tab {
		page := who.open(t, s.url+"/talk")
		page.connected()
		page.until("window.begin")
		page.run("begin()")
		return page
	}
	person := newPerson(t, "ann")
	ann, other, bob := open(person), open(person), open(newPerson(t, "bob"))
	if got := s.sessions(); got != 2 {
		t.Errorf("there are %d connections, want one of each user", got)
	}

	ann.run(`window.codes = []
		const put = (...args) => BX.PULL.send(...args).then(() => codes.push("ok"), ({ code }) => codes.push(code))
		put(["ann", "bob"], "im", "typing", { n: 1 })
			.then(() => put({ tag: "TASK_7" }, "im", "typing", { n: 2 }))
			.then(() => put("bob", "im", "forbidden"))`)

	ann.until("codes.length === 3")
	if got := value[string](ann, "codes.join()"); got != "ok,ok,forbidden" {
		t.Errorf("the messages were answered %s", got)
	}
	for _, page := range []*tab{other, bob} {
		page.until("got.length >= 2")
		if got := value[string](page, "JSON.stringify([got, dom])"); got != `[[{"n":1},{"n":2}],["ann","ann"]]` {
			t.Errorf("a page got %s, want both messages", got)
		}
	}

	ann.run(`document.querySelector("#text").dispatchEvent(new Event("input"))`)
	bob.until(`document.querySelector("#typing").textContent === "ann"`)
	other.until("got.length === 3")
	if got := value[string](other, `document.querySelector("#typing").textContent`); got != "" {
		t.Errorf("another tab of the user shows that %s is typing, want nobody", got)
	}
	if got := value[int](ann, "got.length"); got != 0 {
		t.Errorf("the tab that sends got %d messages itself, want none", got)
	}
}

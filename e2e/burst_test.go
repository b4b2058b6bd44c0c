package e2e

import (
	"encoding/json"
	"slices"
	"testing"
)

// record collects the events of tasks that a page receives, and counts gaps.
const record = `
	window.heard = []
	window.gaps = 0
	BX.addCustomEvent("onPullEvent-tasks", (command, task) => { heard.push({ command, ...task }) })
	BX.addCustomEvent("onPull-tasks", ({ command, params }) => { heard.push({ command, ...params }) })
	BX.addCustomEvent("onPullGap", () => { gaps++ })
	0`

// changing changes tasks until burst.on is false, by four requests at a time: one in
// three adds a task, one changes and one deletes any of those that the page shows. It
// counts those that succeed.
const changing = `
	window.burst = { on: true, sent: 0, done: 0 }
	burst.work = async () => {
		while (burst.on) {
			const n = burst.sent++
			const ids = [...document.querySelectorAll("#tasks [data-task]")].map((item) => item.dataset.task)
			const id = ids[Math.floor(Math.random() * ids.length)]
			const body = new URLSearchParams({ title: page.me + " " + n, done: n % 2 === 0 })
			const [path, init] = ids.length < 5 || n % 3 === 0 ? ["/tasks", { method: "POST", body }]
				: n % 3 === 1 ? ["/tasks/" + id, { method: "POST", body }]
				: ["/tasks/" + id, { method: "DELETE" }]
			const response = await fetch(path, init).catch(() => null)
			if (response?.ok) burst.done++
			else await new Promise((resolve) => setTimeout(resolve, 50))
		}
	}
	burst.ended = Promise.all([1, 2, 3, 4].map(() => burst.work()))
	0`

// changeAtOnce has two pages change the same tasks as fast as they can, and calls
// each fault in the middle. The last change happens when all others have ended.
func changeAtOnce(t *testing.T, ann, bob *tab, faults ...func()) {
	t.Helper()
	pages := []*tab{ann, bob}
	more := func() {
		t.Helper()
		for _, page := range pages {
			page.run(`burst.goal = burst.done + 30`)
		}
		for _, page := range pages {
			page.until(`burst.done >= burst.goal`)
		}
	}
	for _, page := range pages {
		page.connected()
		page.run(record)
	}
	for _, page := range pages {
		page.run(changing)
	}

	more()
	for _, fault := range faults {
		fault()
		more()
	}
	for _, page := range pages {
		page.run(`burst.on = false; burst.ended`)
	}
	for _, page := range pages {
		page.connected()
	}
	ann.submit("/tasks", "title", "the end")
}

// showTheSame waits until each page shows the list of the store, and fails the test
// if a page was notified of a gap: a node has died, but nothing in the log.
func showTheSame(t *testing.T, pages ...*tab) {
	t.Helper()
	for _, page := range pages {
		page.shows("#tasks .title", "the end")
		page.run(`window.list = (items) => [...items].map(shown).map(Object.values).join("\n"); 0`)
		eventually(t, "the page shows the list of the store", func() bool {
			page.run(`fetch("/").then((r) => r.text()).then((text) => {
				window.stored = list(new DOMParser().parseFromString(text, "text/html").querySelectorAll("#tasks [data-task]"))
			})`)
			return value[bool](page, `list(document.querySelectorAll("#tasks [data-task]")) === stored`)
		})
		if gaps := value[int](page, "gaps"); gaps != 0 {
			t.Errorf("a page was notified of %d gaps, want none", gaps)
		}
	}
}

// heardAll fails the test unless each page has received each committed change once,
// and those of a task in their order. Without a database it tests nothing: then a
// change and its event are two steps, between which a node can die.
func heardAll(t *testing.T, c *changes, pages ...*tab) {
	t.Helper()
	if c == nil {
		return
	}
	want := c.committed(t)
	for _, page := range pages {
		var got []change
		if err := json.Unmarshal([]byte(value[string](page, "JSON.stringify(heard)")), &got); err != nil {
			t.Fatal(err)
		}
		if got = byTask(got); !slices.Equal(got, want) {
			t.Errorf("a page received %d events of %d changes:\n%v\nwant\n%v", len(got), len(want), got, want)
		}
	}
}

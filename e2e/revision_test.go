package e2e

import "testing"

// hears has the page receive changes of tasks, beside those of its server, with
// revisions that are so much higher than that of its list.
func (p *tab) hears(changes string) {
	p.Helper()
	p.run(`{
		const now = page.revision
		for (const [command, id, ahead] of ` + changes + `) page.task(command, { id, title: id, done: false, revision: now + ahead })
	}`)
}

func TestOvertakenChangeDoesNotUndoALaterOne(t *testing.T) {
	t.Parallel()
	ann := startExample(t).list("ann", "milk")

	ann.hears(`[["delete", "x", 2], ["save", "x", 1], ["save", "y", 4], ["delete", "y", 4], ["delete", "z", 3]]`)

	ann.shows("#tasks .title", "y")
	ann.until(`page.revision === 5 && !page.early.size`) // that of milk, and four
	ann.never(`page.find("x")`)
	ann.until(`page.expected === 0`) // nothing is missing any more …
	ann.run(`page.turn`)
	ann.shows("#tasks .title", "y") // … so the list was not fetched: the server does not have this task
}

func TestChangeThatWasNeverAnnouncedIsNoticedWithTheNext(t *testing.T) {
	t.Parallel()
	ann := startExample(t).list("ann", "milk")

	ann.hears(`[["save", "x", 2]]`) // the server has neither: the page fetches its list

	ann.shows("#tasks .title", "x")
	ann.until(`!page.find("x") && page.revision === 1`)
	ann.shows("#tasks .title", "milk")
	ann.submit("/tasks", "title", "bread")
	ann.shows("#tasks .title", "bread")
	ann.clean()
}

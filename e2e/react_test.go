package e2e

import (
	"testing"

	"github.com/echo-pull/pull"
)

// StrictMode mounts each component, unmounts it and mounts it again: all views of
// the page are in it.
func TestReactCallsTheLatestCallbackWithoutSubscribingAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	page := reactPage.open(t, s, "ann")
	page.view("counting")
	page.until("pull.isConnected()")
	page.untilText("a", "0")
	before := value[int](page, "subscribed()")

	s.send(pull.User("ann"), 1)
	page.untilText("a", "1")
	s.send(pull.User("ann"), 10)

	page.untilText("a", "11")
	if got := value[int](page, "subscribed()"); got != before {
		t.Errorf("the component subscribed %d times more, want 0", got-before)
	}
	if before != 2 {
		t.Errorf("the component subscribed %d times, want 2: StrictMode mounts it twice", before)
	}
}

func TestReactMovesToAnotherClientAndEndsTheConnectionOfTheOldOne(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	page := reactPage.open(t, s, "ann")
	page.view("numbers")
	page.until("pull.isConnected()")

	page.run(`relogin("numbers")`)

	page.until("pull !== old && pull.isConnected() && !old.isConnected()")
	s.send(pull.User("ann"), 1)
	page.untilText("a", "1")
	page.clean()
}

// A status that changes in the middle of a rendering is shown by all components or
// by none.
func TestReactShowsOneStatusInOneRendering(t *testing.T) {
	t.Parallel()
	page := reactPage.open(t, newSite(t, nil), "ann")

	page.run("tear().then((shown) => document.title = shown)")

	page.until(`["online", "offline", "online,offline"].includes(document.title)`)
	if got := value[string](page, "document.title"); got != "offline" {
		t.Errorf("one rendering shows %s, want offline", got)
	}
}

func TestReactComponentsTakeAFakeClient(t *testing.T) {
	t.Parallel()
	page := reactPage.open(t, newSite(t, nil), "ann")
	page.run(`showFake("numbers")`)
	page.until("fake.isConnected()")
	page.run(`fake.event("test", "n", { n: 1 })`)
	page.untilText("a", "1")

	page.run(`showFake("status")`)
	page.untilText("a", "online")
	page.run(`fake.status("offline")`)
	page.untilText("b", "offline")
	page.run(`fake.status("online")`)

	page.run(`showFake("gaps")`)
	page.untilText("a", "0")
	page.run("fake.gap()")
	page.untilText("a", "1")

	page.run(`showFake("bob")`)
	page.untilText("a", "bob was never here, eve was never here")
	page.run(`fake.event("online", "user_online", { USER_ID: "bob" })`)
	page.untilText("a", "bob is here, eve was never here")
	page.clean()
}

func TestReactComponentsThatComeReceiveWhatTheFakeClientHasMissed(t *testing.T) {
	t.Parallel()
	page := reactPage.open(t, newSite(t, nil), "ann")
	page.run(`showFake("numbers")`)
	page.until("fake.isConnected()")
	page.run(`showFake("nothing")`)
	page.until("!fake.isConnected()")

	page.run(`fake.event("test", "n", { n: 1 }), showFake("numbers")`)

	page.untilText("a", "1")
	page.untilText("b", "1")
}

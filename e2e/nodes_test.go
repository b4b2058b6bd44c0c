package e2e

import "testing"

// twoNodes runs two nodes of the example that share an engine, and a proxy in front
// of them.
func twoNodes(t *testing.T, address string, args ...string) (first, second *example, p *proxy) {
	t.Helper()
	args = append([]string{"--broker", address}, args...)
	first, second = startExample(t, args...), startExample(t, args...)
	return first, second, newProxy(t, first, second)
}

// onTwoNodes opens two pages that are connected to different nodes.
func onTwoNodes(t *testing.T, p *proxy, annAt, bobAt string) (ann, bob *tab) {
	t.Helper()
	ann = newPerson(t, "ann").open(t, p.url+annAt)
	ann.connected()
	bob = newPerson(t, "bob").open(t, p.url+bobAt)
	bob.connected()
	if p.nodeOf("ann") == p.nodeOf("bob") {
		t.Fatal("both pages are on one node, want two")
	}
	return ann, bob
}

// forEachEngine runs a test with each engine that several nodes can share.
func forEachEngine(t *testing.T, run func(t *testing.T, address string)) {
	t.Helper()
	for _, engine := range engines {
		t.Run(engine.name, func(t *testing.T) {
			t.Parallel()
			run(t, engine.start(t))
		})
	}
}

func TestPagesOnTwoNodesAreTogether(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, address string) {
		t.Helper()
		_, _, p := twoNodes(t, address, "--grace", "1s")
		ann, bob := onTwoNodes(t, p, "/", "/m")

		ann.shows("#people li", "bob")
		bob.shows("#people li", "ann")
		bob.submit("/tasks", "title", "milk")
		ann.called("onPullEvent-tasks", `args[0] === "save" && args[1].title === "milk"`)
		ann.shows("#tasks .title", "milk")
		ann.run(`document.querySelector("#tasks [name=done]").click()`)
		bob.called("onPull-tasks", `args[0].command === "save" && args[0].params.done`)
		bob.until(`document.querySelector("#tasks [name=done]").checked`)
		ann.run(`document.getElementById("to").value = "bob"`)
		ann.submit("/say", "text", "for you")
		bob.shows("#messages .personal span", "for you")
		bob.run(`document.querySelector("#tasks [data-send=DELETE] button").click()`)
		ann.until(`!document.querySelector("#tasks li")`)

		ann.close()
		bob.until(`![...document.querySelectorAll("#people li")].some((one) => one.textContent === "ann")`)
		bob.clean()
	})
}

func TestWatchersOfAPageAreOnTwoNodes(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, address string) {
		t.Helper()
		first, _, p := twoNodes(t, address)
		eve := first.list("eve", "milk")
		task := value[string](eve, `document.querySelector(".task a").getAttribute("href")`)
		ann, bob := onTwoNodes(t, p, task, task)

		ann.submit("/say", "text", "I am on it")
		bob.shows("#messages span", "I am on it")
		bob.submit("/say", "text", "so am I")
		ann.shows("#messages span", "so am I")

		bob.run(`fetch("/say", { method: "POST", body: new URLSearchParams({ text: "hello all", to: "everyone" }) })`)
		eve.shows("#messages span", "hello all")
		eve.never(`document.body.textContent.includes("I am on it")`)
	})
}

func TestNodesKilledInABurstTakeNothingAlong(t *testing.T) {
	t.Parallel()
	forEachEngine(t, func(t *testing.T, address string) {
		t.Helper()
		first, second, p := twoNodes(t, address)
		committed := noteChanges(t, address)
		ann, bob := onTwoNodes(t, p, "/", "/m")
		move := func(dead, living *example) func() {
			return func() {
				dead.kill()
				p.use(living)
				for name, page := range map[string]*tab{"ann": ann, "bob": bob} {
					eventually(t, name+" moves", func() bool { return p.nodeOf(name) == living.url })
					page.connected()
				}
				dead.start(dead.addr())
			}
		}

		changeAtOnce(t, ann, bob, move(first, second), move(second, first))

		showTheSame(t, ann, bob)
		heardAll(t, committed, ann, bob)
	})
}

func TestNginxAsPrintedSpreadsPagesOverNodes(t *testing.T) {
	t.Parallel()
	address := newSQLite(t) // as docs/engines.md shows, and without a server
	first, second, _ := twoNodes(t, address)
	url := behindNginx(t, first.url, second.url)
	ann := newPerson(t, "ann").open(t, url+"/")
	bob := newPerson(t, "bob").open(t, url+"/m")
	ann.connected()
	bob.connected()
	bob.submit("/tasks", "title", "before")
	ann.shows("#tasks .title", "before")

	first.kill()

	for _, page := range []*tab{ann, bob} {
		page.connected()
	}
	bob.submit("/tasks", "title", "after")
	for _, page := range []*tab{ann, bob} {
		page.shows("#tasks .title", "after")
		page.never(calls("onPullGap", "true"))
	}
}

func TestOnlyNodeKilledInABurstTakesNothingAlong(t *testing.T) {
	t.Parallel()
	address := newSQLite(t)
	e := startExample(t, "--broker", address)
	committed := noteChanges(t, address)
	ann := newPerson(t, "ann").open(t, e.url+"/")
	bob := newPerson(t, "bob").open(t, e.url+"/m")
	restart := func() {
		e.kill()
		e.start(e.addr())
		ann.connected()
		bob.connected()
	}

	changeAtOnce(t, ann, bob, restart, restart, restart)

	showTheSame(t, ann, bob)
	heardAll(t, committed, ann, bob)
}

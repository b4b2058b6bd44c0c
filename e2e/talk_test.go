package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/echo-pull/pull"
)

// talking is a site whose pages may send one another messages of the module im. On its
// page is a field whose users see who is typing.
func talking(t *testing.T, configure func(*pull.Config)) *site {
	t.Helper()
	s := newSite(t, configure)
	err := s.current().Register(pull.Module{ID: "im", Use: pull.PublicSection, Relay: func(_ context.Context, m pull.Message) error {
		if m.Command == "forbidden" {
			return errors.New("not this one")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := s.current()
	s.get("/talk", pull.Handler(func(c pull.Context) error {
		if err := c.Pull().Watch("TASK_7"); err != nil {
			return err
		}
		return c.HTML(http.StatusOK, fmt.Sprintf(`<!doctype html><title>talk</title><link rel="icon" href="data:,">%s
			<body><input id="text"><p id="typing"></p>
			<script>
				const heard = [], dom = [], server = [], got = [], errors = []
				BX.addCustomEvent("onPullClientEvent-im", BX.delegate(function(command, params, extra) {
					heard.push(["im", command, JSON.stringify(params), extra.sender.type, extra.sender.id, this === window].join(" "))
				}, this))
				BX.addCustomEvent("onPullClientEvent", function(module_id, command, params) {
					heard.push(["all", module_id, command, JSON.stringify(params)].join(" "))
				})
				for (const name of ["onPullEvent-im", "onPullEvent"]) BX.addCustomEvent(name, (...args) => server.push(args.join()))
				BX.addCustomEvent("onPullError", (code) => errors.push(code))
				BX.PULL.subscribe({ type: BX.PullClient.SubscriptionType.Client, moduleId: "im", callback: ({ params }) => got.push(params) })
				window.addEventListener("pull-client:im:typing", ({ detail }) => dom.push(detail.extra.sender.id))
				const free = "%%D0%%9F%%D0%%B5%%D1%%87%%D0%%B0%%D1%%82%%D0%%B0%%D0%%B5%%D1%%82%%E2%%80%%A6%%20%%28%%D0%%B4%%D0%%B0%%29" // Печатает… (да)
				window.addEventListener("pull-client:im:" + free, ({ detail }) => dom.push(detail.extra.sender.id + " free"))
			</script>
			<script type="module">
				import { typing } from "/pull/pull-typing.mjs"
				const to = new URLSearchParams(location.search).get("to")
				const onChange = (users) => (document.querySelector("#typing").textContent = users.join())
				window.begin = () => (window.one = typing(BX.PULL, { target: to ?? { tag: "TASK_7" }, module: "im", command: "writing", onChange }))
				document.querySelector("#text").addEventListener("input", () => one.type())
			</script>`, p.Head(c)))
	}))
	return s
}

// overBoth runs a test with pages on WebSockets and with pages on streams.
func overBoth(t *testing.T, run func(t *testing.T, open func(name, query string) *tab)) {
	t.Helper()
	for _, transport := range []string{"websocket", "sse"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			s := talking(t, nil)
			if transport == "sse" {
				s.breakWith(refuseUpgrades)
			}
			run(t, func(name, query string) *tab {
				page := newPerson(t, name).open(t, s.url+"/talk"+query)
				page.connected()
				page.until("window.begin")
				page.run("begin()") // after the client, which closes its connection when the page is left
				if got := value[string](page, "BX.PULL.getDebugInfo().transport"); got != transport {
					t.Fatalf("transport %q, want %q", got, transport)
				}
				return page
			})
		})
	}
}

func TestPagesTalk(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, open func(name, query string) *tab) {
		ann, bob, eve := open("ann", ""), open("bob", ""), open("eve", "")

		ann.run(`BX.PULL.sendMessage(["bob"], "im", "typing", { n: 1 }, 86400)`)
		ann.run(`BX.PULL.send({ tag: "TASK_7" }, "IM", "typing", { n: 2 })`)
		ann.run(`BX.PULL.sendMessage(["bob"], "im", "Печатает… (да)", { n: 3 })`)

		bob.until("heard.length === 6")
		const want = `im typing {"n":1} 1 ann true, all im typing {"n":1}, im typing {"n":2} 1 ann true, all im typing {"n":2}, ` +
			`im Печатает… (да) {"n":3} 1 ann true, all im Печатает… (да) {"n":3}`
		if got := value[string](bob, "heard.join(', ')"); got != want {
			t.Errorf("the hooks got %q, want %q", got, want)
		}
		if got := value[string](bob, "JSON.stringify([got, dom, server, errors])"); got != `[[{"n":1},{"n":2},{"n":3}],["ann","ann","ann free"],[],[]]` {
			t.Errorf("callbacks, events of the DOM, hooks of the server's and errors are %s", got)
		}
		eve.until("got.length")
		if got := value[string](eve, "JSON.stringify(got)"); got != `[{"n":2}]` {
			t.Errorf("the watcher of the tag got %s, want the second alone", got)
		}
		if got := value[int](ann, "heard.length"); got != 0 {
			t.Errorf("the page that sends got %d messages itself, want none", got)
		}
	})
}

func TestMessagesThatAreNotSentAreRejected(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, open func(name, query string) *tab) {
		ann, bob := open("ann", ""), open("bob", "")
		ann.run(`window.codes = []
			window.put = (...args) => BX.PULL.send(...args).then(() => codes.push("ok"), ({ code }) => codes.push(code))
			put("bob", "im", "forbidden")
				.then(() => put("bob", "test", "typing"))
				.then(() => put({ tag: "TASK_8" }, "im", "typing"))
				.then(() => put("bob", "im", "typing", "x".repeat(5000)))
				.then(() => put("bob", "im", "typing", "x".repeat(16000)))
				.then(() => put("bob", "im", "typing", { n: 1 }))`)
		ann.until("codes.length === 6")
		if got := value[string](ann, "codes.join()"); got != "forbidden,forbidden,forbidden,large,large,ok" {
			t.Errorf("the messages were answered %s", got)
		}

		ann.run(`for (let n = 0; n < 40; n++) put("bob", "im", "typing", { n: 2 })`)
		ann.until("codes.length === 46")
		if got := value[int](ann, `codes.filter((code) => code === "limit").length`); got == 0 || got > 25 {
			t.Errorf("%d of 40 messages were over the limit, want about 25 at most and more than none", got)
		}
		bob.until("got.length > 1")

		ann.run(`BX.PULL.stop()
			put("bob", "im", "typing")`)
		ann.until(`codes.at(-1) === "offline"`)
		if got := value[int](ann, "errors.length"); got != 0 {
			t.Errorf("the page was notified of %d errors, want none", got)
		}
	})
}

func TestTypingIsShownAndOver(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, open func(name, query string) *tab) {
		ann, bob, eve := open("ann", "?to=bob"), open("bob", "?to=ann"), open("eve", "?to=ann")
		const key = `document.querySelector("#text").dispatchEvent(new Event("input"))`
		shows := func(name string) string {
			return fmt.Sprintf(`document.querySelector("#typing").textContent === %q`, name)
		}
		bob.run(`window.times = []
			new MutationObserver(() => times.push(performance.now())).observe(document.querySelector("#typing"), { childList: true })`)

		ann.run(key)
		bob.until(shows("ann"))
		bob.until(shows("")) // nothing more is typed
		if got := value[float64](bob, "times[1] - times[0]"); got < 5_900 || got > 20_000 {
			t.Errorf("after one key it was over after %.0f ms, want 6,000", got)
		}

		bob.run("got.length = 0")
		ann.run(key)
		bob.until(shows("ann"))
		ann.run("one.stop()")
		bob.until(shows(""))

		ann.run(key)
		bob.until(shows("ann"))
		ann.visit("about:blank")
		bob.until(shows(""))
		if got := value[string](bob, "JSON.stringify(got)"); got != `[{"typing":true},{"typing":false},{"typing":true},{"typing":false}]` {
			t.Errorf("the page got %s, want an end for each beginning", got)
		}
		if got := value[string](eve, `got.length + document.querySelector("#typing").textContent`); got != "0" {
			t.Errorf("another user got %s, want nothing", got)
		}
	})
}

func TestTypingWithATagIsShownToItsWatchers(t *testing.T) {
	t.Parallel()
	overBoth(t, func(_ *testing.T, open func(name, query string) *tab) {
		ann, bob := open("ann", ""), open("bob", "")
		other := open("ann", "")
		for _, page := range []*tab{ann, bob} {
			page.run(`document.querySelector("#text").dispatchEvent(new Event("input"))`)
		}
		bob.until(`document.querySelector("#typing").textContent === "ann"`)
		ann.until(`document.querySelector("#typing").textContent === "bob"`)
		other.until(`document.querySelector("#typing").textContent === "bob"`) // and not ann, whose page it is
	})
}

func TestExampleShowsWhoIsTyping(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	ann := newPerson(t, "ann").open(t, e.url+"/")
	bob := newPerson(t, "bob").open(t, e.url+"/")
	phone := newPerson(t, "eve").open(t, e.url+"/m")
	for _, page := range []*tab{ann, bob, phone} {
		page.connected()
	}
	const key = `document.querySelector("[name=text]").dispatchEvent(new Event("input"))`

	ann.run(key)

	bob.until(`document.querySelector("#typing").textContent === "ann is typing …"`)
	bob.called("onPullClientEvent-im", `args.length === 3 && args[0] === "typing" && args[1].typing && args[2].sender.type === 1 && args[2].sender.id === "ann"`)
	bob.called("onPullClientEvent", `args.length === 4 && args[0] === "im" && args[1] === "typing"`)
	ann.submit("/say", "text", "hello")
	bob.until(`document.querySelector("#typing").textContent === ""`)
	bob.never(calls("onPullEvent", `args[1] === "typing"`))
	phone.never(`document.querySelector("#typing").textContent`) // it looks at another page

	ivy := newPerson(t, "ivy").open(t, e.url+"/m")
	ivy.connected()
	ivy.run(key)
	phone.called("onPullClient-im", `args.length === 1 && args[0].module_id === "im" && args[0].command === "typing" && args[0].extra.sender.id === "ivy"`)
	phone.never(`document.querySelector('#calls [data-hook^="onPullClientEvent"]')`)
	for _, page := range []*tab{ann, bob, phone, ivy} {
		page.clean()
	}
}

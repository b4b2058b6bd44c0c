package pulltest_test

import (
	"errors"
	"html/template"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
	"github.com/echo-pull/pull/pulltest"
)

// The tests of this file are in docs/testing.md.

func TestEventsToSeveralTargets(t *testing.T) {
	t.Parallel()
	p := pulltest.New(t, pull.Config{})
	saved := task{"7", "Rest"}
	by := map[string]any{"by": "ann"}

	sent := pulltest.Sent(t, p, func() {
		err := p.Send(t.Context(), pull.Shared(), pull.Event{Module: "tasks", Command: "save", Params: saved})
		if err := errors.Join(err, p.Send(t.Context(), pull.Tag("/admin"), pull.Event{Module: "audit", Command: "save", Params: by})); err != nil {
			t.Error(err)
		}
	})

	sent.Exactly(t,
		pulltest.Message{Target: pull.Shared(), Event: pull.Event{Module: "tasks", Command: "save", Params: saved}},
		pulltest.Message{Target: pull.Tag("/admin"), Event: pull.Event{Module: "audit", Command: "save", Params: by}})
}

func TestGuestGetsAFragmentByItsGrant(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{Guests: true})
		e := echo.New()
		e.Use(p.Middleware())
		e.POST("/article/5/comments", pull.Handler(func(c pull.Context) error {
			row := template.HTML(`<li id="comment-1">` + template.HTMLEscapeString(c.QueryParam("text")) + `</li>`)
			return c.Pull().Render(pull.Tag("ARTICLE_5"), pull.Fragment{Selector: "#comments", Swap: pull.Upsert, HTML: row})
		}))
		e.GET("/article/5", func(c echo.Context) error {
			grant, err := p.Grant(c, "ARTICLE_5")
			if err != nil {
				return err
			}
			return c.String(http.StatusOK, grant)
		})
		grantIn := func(e *echo.Echo, path string) string { return do(e, "", http.MethodGet, path, nil).Body.String() }
		post := func(e *echo.Echo, path string) { do(e, "", http.MethodPost, path, nil) }

		guest := pulltest.Open(t, p, "")
		guest.Request(t, map[string]any{"watch": []string{grantIn(e, "/article/5")}})

		post(e, "/article/5/comments?text=Yes")

		var shown pull.Fragment
		guest.Expect(t, "pull", "render", &shown)
		if shown.Selector != "#comments" || shown.HTML != `<li id="comment-1">Yes</li>` {
			t.Errorf("got %+v", shown)
		}
	})
}

func TestLogoutClosesThePage(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := withSessions(t)
		e := echo.New()
		e.POST("/logout", func(echo.Context) error { return p.DisconnectSession("s1") })
		post := func(e *echo.Echo, path string) { do(e, "ann", http.MethodPost, path, nil) }

		page := pulltest.OpenSession(t, p, pull.Session{User: "ann", ID: "s1"})
		post(e, "/logout") // calls p.DisconnectSession("s1")
		page.ExpectClose(t, 4401)
	})
}

func TestPagesTalk(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := typing(t)
		ann, bob := pulltest.Open(t, p, "ann"), pulltest.Open(t, p, "bob")

		ann.Request(t, map[string]any{"send": map[string]any{"n": 1, "users": []string{"bob"}, "module": "im", "command": "typing"}})
		ann.Expect(t, "pull", "sent", nil) // the answer, with the state that Module.Relay has led to
		bob.Expect(t, "client:im", "typing", nil)
	})
}

func TestGapsOnOrder(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		page := pulltest.Open(t, p, "ann")

		page.Drop() // the network fails
		send(t, p, pull.User("ann"), "meanwhile")
		page.Return()
		page.Expect(t, "tasks", "meanwhile", nil)
		page.RefuteGap(t)

		pulltest.LoseHistory(t, p) // as if the server had crashed
		page.ExpectGap(t)
	})
}

func TestFaultsOnOrder(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		e := newApp(p)
		page := pulltest.Open(t, p, "ann")
		if err := p.Watch().Add("ann", "TASK_7"); err != nil {
			t.Fatal(err)
		}
		post := func(e *echo.Echo, path string) { do(e, "ann", http.MethodPost, path, nil) }

		mend := pulltest.FailBroker(t, p, errors.New("no connection"))
		post(e, "/tasks/7?title=Rest") // does not wait
		page.Refute(t, "tasks", "update")
		mend()
		page.Expect(t, "tasks", "update", nil)

		empty := pulltest.FillQueue(t, p)
		post(e, "/tasks/7?title=Walk") // Send returns ErrQueueFull
		page.Refute(t, "tasks", "update")
		empty()
	})
}

func TestFragmentsAndWatchesOfPages(t *testing.T) {
	everywhere(t, func(t *testing.T) {
		p := pulltest.New(t, pull.Config{})
		e := echo.New()
		e.Use(p.Middleware())
		e.GET("/articles/5", func(c echo.Context) error {
			grant, err := p.Grant(c, "ARTICLE_5")
			return errors.Join(err, c.String(http.StatusOK, grant))
		})
		e.POST("/articles/5", pull.Handler(func(c pull.Context) error {
			comment := template.HTML("<p>" + template.HTMLEscapeString(c.FormValue("text")) + "</p>")
			return c.Pull().Render(pull.Tag("ARTICLE_5"), pull.Fragment{Selector: "#comments", Swap: pull.Append, HTML: comment})
		}))
		post := func(e *echo.Echo, path string) { do(e, "ann", http.MethodPost, path, nil) }
		page := pulltest.Open(t, p, "ann")

		grant := do(e, "ann", http.MethodGet, "/articles/5", nil).Body.String() // from the page's <pull-watch>
		page.Request(t, map[string]any{"watch": []string{grant}})
		page.Expect(t, "pull", "grants", nil)

		sent := pulltest.Sent(t, p, func() { post(e, "/articles/5?text=Yes") })

		want := map[string]any{"selector": "#comments", "swap": "append", "html": "<p>Yes</p>"}
		sent.Only(t, pull.Tag("ARTICLE_5"), pull.Event{Module: "pull", Command: "render", Params: want})
		page.Expect(t, "pull", "render", nil)
	})
}

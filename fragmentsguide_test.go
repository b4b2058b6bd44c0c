package pull_test

import (
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/echo-pull/pull"
)

var views = template.Must(template.New("row").Parse(`<li id="{{ .ID }}">{{ .Title }}</li>`))

type view struct {
	name string // of a template in views
	data any
}

func (v view) Render(w io.Writer) error { return views.ExecuteTemplate(w, v.name, v.data) }

func TestTemplateIsAComponent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newApp(t, nil)
		defer a.stop(t)
		p := a.dial(t, "1", "")
		p.hello(t)

		err := a.Render(t.Context(), pull.User("1"), pull.Fragment{
			Selector: "#tasks", Swap: pull.Upsert, HTML: view{"row", map[string]string{"ID": "7", "Title": "<Tea>"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.event(t).Params["html"], `<li id="7">&lt;Tea&gt;</li>`; got != want {
			t.Errorf("got %v, want %s", got, want)
		}
	})
}

// What docs/fragments.md shows works.
func TestFragmentsOfTheGuideReachThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type row struct {
			ID       string
			Revision int64
		}
		update := func(c pull.Context) (row, error) { return row{c.Param("id"), 3}, nil }
		taskRow := func(r row) template.HTML { return template.HTML(fmt.Sprintf("<li id=%q>Tea</li>", r.ID)) }
		a := newApp(t, nil)
		defer a.stop(t)
		e := a.echo
		e.POST("/tasks/:id", pull.Handler(func(c pull.Context) error {
			task, err := update(c)
			if err != nil {
				return err
			}
			row := pull.Fragment{Selector: "#tasks", Swap: pull.Upsert, HTML: taskRow(task), Key: task.ID, Version: task.Revision}
			if err := c.Pull().Render(pull.Tag("TASKS"), row); err != nil {
				return err
			}
			return c.NoContent(http.StatusNoContent)
		}))
		grant(t, a, "1", "TASKS")
		p := a.dial(t, "1", "")
		p.hello(t)

		a.do(t, http.MethodPost, "/tasks/7", "")

		want := map[string]any{"selector": "#tasks", "swap": "upsert", "html": `<li id="7">Tea</li>`, "version": 3.0}
		if got := p.event(t); !maps.Equal(got.Params, want) {
			t.Errorf("got %v, want %v", got.Params, want)
		}
		state := 7
		sendEvent(t, a, pull.User("1"),
			pull.Event{Module: "tasks", Command: "state", Params: state, Key: "task-7", Keep: pull.Last},
		)
	})
}

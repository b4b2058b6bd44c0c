package pull_test

import (
	"encoding/base64"
	"html/template"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/labstack/echo/v4"

	"github.com/echo-pull/pull"
)

// The tests of this file contain the code in docs/page-watches.md.

func TestTemplateEmbedsThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newGuestApp(t)
		defer a.stop(t)
		p := a.Plugin
		article := struct{ Text string }{"Once upon a time"}
		page := template.Must(template.New("").Parse(`{{ .Head }}<pull-watch grant="{{ .Watch "ARTICLE_5" }}">{{ .Text }}`))
		a.echo.GET("/article", func(c echo.Context) error {
			data := struct {
				*pull.Page
				Text string
			}{p.Page(c), article.Text}
			return page.Execute(c.Response(), data)
		})
		html := text(a.get(t, "/article", userHeader, "42"))
		_, rest, _ := strings.Cut(html, `grant="`)
		grant, _, _ := strings.Cut(rest, `"`)
		reader := a.dial(t, "42", "")
		reader.hello(t)

		if state, _ := reader.watches(t, grant); state != "ok" || !strings.HasPrefix(html, "<script") {
			t.Errorf("got %q for the grant in %s, want ok, and the script tag", state, html)
		}
		pages := p.Watch().Pages("ARTICLE_5")   // that watch the tag now, with those of guests
		readers := p.Presence().At("ARTICLE_5") // the users who have such a page
		if pages != 1 || !slices.Equal(readers, []string{"42"}) {
			t.Errorf("got %d pages of %v, want one of 42", pages, readers)
		}
	})
}

func TestSecretComesFromTheEnvironment(t *testing.T) {
	t.Setenv("PULL_SECRET", base64.StdEncoding.EncodeToString(make([]byte, 32)))

	p, err := newWithSecret(new(pull.Memory))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func newWithSecret(log pull.Broker) (*pull.Plugin, error) {
	currentUser := func(echo.Context) (string, error) { return "", nil }
	secret, err := base64.StdEncoding.DecodeString(os.Getenv("PULL_SECRET")) // openssl rand -base64 32
	if err != nil {
		return nil, err
	}
	return pull.New(pull.Config{User: currentUser, Broker: log, Secret: secret})
}

package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

func TestChooseAName(t *testing.T) {
	t.Parallel()
	e := startExample(t)
	guest := newPerson(t, "").open(t, e.url+"/")

	guest.run(`document.querySelector("[name=name]").value = "Зоя <i>"`)
	guest.must(chromedp.Click(chromedp.CSS("#login button")))

	guest.connected()
	guest.shows("#me", "Зоя <i>")
	guest.must(chromedp.Click(chromedp.CSS("#leave")))
	guest.until(`document.getElementById("login")`)
	guest.clean()
}

func TestAnswersForPeopleAndForPrograms(t *testing.T) {
	t.Parallel()
	answersPeopleAndPrograms(t, startExample(t))
}

func answersPeopleAndPrograms(t *testing.T, e *example) {
	t.Helper()
	for _, row := range []struct {
		name, method, path, accept string
		status                     int
		body                       string
	}{
		{"", "GET", "/", "text/html", 200, "Who are you?"},
		{"", "GET", "/", "*/*", 401, `{"message":`},
		{"", "POST", "/tasks", "text/html", 401, `{"message":`},
		{"", "GET", "/nowhere", "text/html", 404, "<h1>Not Found"},
		{"ann", "GET", "/nowhere", "text/html", 404, "<h1>Not Found"},
		{"ann", "GET", "/nowhere", "application/json", 404, `{"message":`},
		{"ann", "GET", "/static/nowhere", "text/html", 404, "<h1>Not Found"},
		{"ann", "GET", "/tasks/7", "text/html", 404, "this task is gone"},
		{"ann", "GET", "/say", "text/html", 405, "<h1>Method Not Allowed"},
		{"ann", "POST", "/tasks/7", "*/*", 400, `{"message":"the title is empty"}`},
		{"ann", "POST", "/tasks/7?title=milk", "*/*", 404, `{"message":"this task is gone"}`},
		{"ann", "DELETE", "/tasks/7", "*/*", 404, `{"message":"this task is gone"}`},
	} {
		r, err := http.NewRequestWithContext(t.Context(), row.method, e.url+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", row.accept)
		if status, body := e.do(row.name, r); status != row.status || !strings.Contains(body, row.body) {
			t.Errorf("%s %s as %q, %s: status %d and\n%s\nwant %d and %q", row.method, row.path, row.name, row.accept, status, body, row.status, row.body)
		}
	}
}

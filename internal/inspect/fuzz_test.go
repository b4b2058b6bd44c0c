package inspect

import (
	"bytes"
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"
	"unicode/utf8"

	"github.com/echo-pull/pull/internal/engine"
)

var (
	// What the templates never write: handlers, and other tags than these.
	handler = regexp.MustCompile(`(?i)<[^>]*\son[a-z]*\s*=`)
	foreign = regexp.MustCompile(`(?i)<(?:img|iframe|object|embed|style|base|xss)\b|href="\s*(?:javascript|data):`)

	quoted = regexp.MustCompile(`"[^"]*"`) // what is in quotes is a value
)

// FuzzQuery requests pages with queries that anybody may have put into a link. Each is
// answered with a page whose markup is that of the templates.
func FuzzQuery(f *testing.F) {
	e, err := engine.New(engine.Config{User: func(any) (string, error) { return "", nil }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := e.Shutdown(context.Background()); err != nil {
			f.Logf("shutdown: %v", err)
		}
	})
	i := New(e, true)
	for _, page := range []string{"user", "message", "why", "", "none"} {
		for _, query := range []string{
			"id=42&user=42&offset=1", "id=&user=&offset=", "id=%00&user=%ff&offset=18446744073709551616", "offset=-1", "offset=%20+7&user=" + url.QueryEscape("\u202e"),
			"id=" + url.QueryEscape(`"><img src=x onerror=alert(1)>`) + "&user=" + url.QueryEscape(`' onclick='x`) + "&offset=" + url.QueryEscape("</pre><xss>"), "%zz;&id", "offset=1&part=x&user=1",
		} {
			f.Add(page, query)
		}
	}
	f.Fuzz(func(t *testing.T, page, query string) {
		values, _ := url.ParseQuery(query) // as URL.Query does
		r, w := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody), httptest.NewRecorder()
		v := &Visit{Page: page, Base: "./", Query: values, Live: func(string) (template.HTML, string, error) { return "", "g", nil }}

		if err := i.Serve(w, r, v); err != nil {
			t.Fatal(err)
		}

		body := w.Body.Bytes()
		if w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			return // a file
		}
		found := foreign.Find(body)
		if found == nil {
			found = handler.Find(quoted.ReplaceAll(body, nil))
		}
		if found != nil {
			t.Errorf("%q?%q: %s", page, query, found)
		}
		if !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
			t.Errorf("%q?%q: not text:\n%q", page, query, body)
		}
	})
}

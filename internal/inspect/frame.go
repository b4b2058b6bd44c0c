package inspect

import (
	"bytes"
	"cmp"
	"embed"
	"html/template"
	"net/http"
	"sync"
)

//go:embed pages/*.html
var pageFiles embed.FS

// views returns the templates of the pages.
var views = sync.OnceValue(func() *template.Template { //nolint:gochecknoglobals // parsed once, if anybody looks
	pages := template.New("").Funcs(template.FuncMap{
		"form":  func(base, user, offset string) form { return form{base, user, offset} },
		"table": func(base, user string, why bool, rows []messageRow) table { return table{base, user, why, rows} },
	})
	return template.Must(pages.ParseFS(pageFiles, "pages/*.html"))
})

// A frame is what all pages have around their contents.
type frame struct {
	Page  string // name of the template of the contents, and of the current entry of the menu
	Base  string
	Nonce string
	Title string
	Node  string // that has rendered it
	At    string // when

	Head     template.HTML // the script tags of a page with live parts
	Grant    string        // of what is live
	NoLive   string        // why nothing is
	Contents any

	status int
}

// A form is what a form for a user, an event or both begins with.
type form struct{ Base, User, Offset string }

// A table is a list of events, with links to why a user, or a guest, did not get them if
// it is about one.
type table struct {
	Base, User string
	Why        bool
	Rows       []messageRow
}

// problem is the contents of a page that cannot show what was requested.
const problem = "problem"

// fail makes the page one that shows a problem.
func (f *frame) fail(status int, text string) {
	f.status, f.Title, f.Page, f.Contents = status, text, problem, text
}

// write sends the page. Nothing is sent if it cannot be rendered.
func (f *frame) write(w http.ResponseWriter) error {
	var b bytes.Buffer
	for _, name := range []string{"top", cmp.Or(f.Page, "overview"), "bottom"} {
		if err := views().ExecuteTemplate(&b, name, f); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(cmp.Or(f.status, http.StatusOK))
	_, _ = w.Write(visible(b.Bytes())) // the visitor may have left
	return nil
}

package inspect

import (
	"context"
	"net/url"
	"strings"

	"github.com/echo-pull/pull/internal/envelope"
)

// whyPage is the contents of the page that explains why a user did not get an event.
type whyPage struct {
	Form    form
	Problem string // why nothing can be explained
	Verdict string // empty if nothing was requested
	Steps   []step
}

// A step is a question that leads to the verdict.
type step struct {
	Question, Answer, Detail string
	Docs                     string // a URL; empty if there is none
}

// Topic returns the text of a link into the documentation.
func (whyPage) Topic(docs string) string {
	_, heading, named := strings.Cut(docs, "#")
	if !named {
		return "docs"
	}
	return "docs: " + strings.ReplaceAll(heading, "-", " ")
}

// docsRoot is where the documentation is.
const docsRoot = "https://github.com/echo-pull/pull/blob/main/"

// docsURL returns the address of a place in the documentation, which is one already or
// relative to the repository.
func docsURL(place string) string {
	if place == "" || strings.HasPrefix(place, "https://") {
		return place
	}
	return docsRoot + strings.TrimPrefix(place, "/")
}

// why explains why a user, or a guest, did not get an event.
func (i *Inspector) why(ctx context.Context, f *frame, query url.Values) {
	p := whyPage{Form: form{f.Base, query.Get("user"), query.Get("offset")}}
	f.Title = "Why did a user not get an event?"
	if query.Has("offset") {
		i.explain(ctx, &p)
	}
	f.Contents = p
}

// explain fills a page with the explanation.
func (i *Inspector) explain(ctx context.Context, p *whyPage) {
	offset, ok := offsetOf(p.Form.Offset)
	if !ok {
		p.Problem = "Enter the id of a user, or none for guests, and the offset of an event, such as 58."
		return
	}
	e, err := i.engine.Explain(ctx, p.Form.User, envelope.Cursor{Offset: offset})
	if err != nil {
		p.Problem = sentence(err)
		return
	}
	p.Verdict = e.Verdict
	for _, s := range e.Steps {
		p.Steps = append(p.Steps, step{s.Question, s.Answer, s.Detail, docsURL(s.Docs)})
	}
}

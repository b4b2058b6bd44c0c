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

	Choice bool   // a user was requested, and no event: these are the last ones, to choose from
	Part   string // that the events have in their name or target
	Events []messageRow
}

// A step is a question that leads to the verdict.
type step struct {
	Question, Answer, Detail string
	Docs                     string // a URL; empty if there is none
	Decides                  bool   // the verdict follows from it
}

// Topic returns the text of a link into the documentation.
func (whyPage) Topic(docs string) string {
	_, heading, named := strings.Cut(docs, "#")
	if !named {
		return "Guide"
	}
	return "Guide: " + strings.ReplaceAll(heading, "-", " ")
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
	switch {
	case p.Form.Offset != "":
		f.Title = "Why did " + whom(p.Form.User) + " not get event " + p.Form.Offset + "?"
		i.explain(ctx, &p)
	case query.Has("user"):
		f.Title = "Which event did " + whom(p.Form.User) + " not get?"
		p.Choice, p.Part = true, strings.TrimSpace(query.Get("part"))
		p.Events = i.recent(p.Part)
	}
	f.Contents = p
}

// whom names a user in a sentence.
func whom(user string) string {
	if user == "" {
		return "guests"
	}
	return "user " + user
}

// explain fills a page with the explanation.
func (i *Inspector) explain(ctx context.Context, p *whyPage) {
	offset, ok := offsetOf(p.Form.Offset)
	if !ok {
		p.Problem = "Enter the offset of an event, such as 58, or none to choose from the last ones."
		return
	}
	e, err := i.engine.Explain(ctx, p.Form.User, envelope.Cursor{Offset: offset})
	if err != nil {
		p.Problem = sentence(err)
		return
	}
	p.Verdict = e.Verdict
	for _, s := range e.Steps {
		p.Steps = append(p.Steps, step{s.Question, s.Answer, s.Detail, docsURL(s.Docs), s.Decides})
	}
}

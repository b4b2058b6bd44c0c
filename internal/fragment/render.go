package fragment

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"unicode/utf8"

	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/protocol"
)

// Render checks a fragment and renders its HTML, of at most limit bytes.
func Render(ctx context.Context, f *Fragment, limit int) (json.RawMessage, error) {
	f.Swap = cmp.Or(f.Swap, Outer)
	if err := f.check(); err != nil {
		return nil, err
	}
	html, err := render(ctx, f.HTML, limit)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(html) {
		return nil, fmt.Errorf("pull: the HTML of a fragment for %q is not UTF-8", f.Selector)
	}
	if f.Swap == Upsert && protocol.ElementID(string(html)) == "" {
		return nil, fmt.Errorf("pull: the HTML of a fragment for %q does not begin with an element with an id, which an upsert needs", f.Selector)
	}
	return protocol.EncodeFragment(&protocol.Fragment{Selector: f.Selector, Swap: string(f.Swap), HTML: string(html), Version: f.Version})
}

// A component renders itself, as those of templ do.
type component interface {
	Render(ctx context.Context, w io.Writer) error
}

// A node renders itself, as those of gomponents do.
type node interface{ Render(w io.Writer) error }

// render returns the HTML of a value. A panic of the value continues.
func render(ctx context.Context, html any, limit int) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	b := &buffer{limit: limit, full: cancel}
	var err error
	switch html := html.(type) {
	case nil:
	case template.HTML:
		_, _ = io.WriteString(b, string(html))
	case component:
		err = html.Render(ctx, b)
	case node:
		err = html.Render(b)
	default:
		return nil, fmt.Errorf("pull: the HTML of a fragment is of type %T, want a template.HTML, or a type with the method Render of templ or gomponents", html)
	}
	switch {
	case b.size > limit:
		return nil, &event.SizeError{Size: b.size, Limit: limit}
	case err != nil:
		return nil, fmt.Errorf("pull: render a fragment: %w", err)
	}
	return b.html, nil
}

// errFull ends the rendering of what is too large.
var errFull = errors.New("pull: the fragment is too large")

// A buffer takes HTML up to a limit. What is too large takes no more memory: each write
// fails, and the context of the component ends.
type buffer struct {
	html  []byte
	size  int
	limit int
	full  context.CancelCauseFunc
}

func (b *buffer) Write(p []byte) (int, error) {
	if b.size += len(p); b.size > b.limit {
		b.html = nil
		b.full(errFull)
		return 0, errFull
	}
	b.html = append(b.html, p...)
	return len(p), nil
}

// Package fragment renders the fragments of HTML that an application sends to its
// pages.
package fragment

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Fragment is a piece of HTML for a place in the pages that have it.
type Fragment struct {
	// Selector finds the place: a CSS selector such as "#task-7", in at most 1 KiB of
	// UTF-8 without control characters. It is required. If several elements match, each
	// gets the fragment; a page without a match ignores it.
	Selector string

	// Swap determines what becomes of the element. Default Outer.
	Swap Swap

	// HTML is the content: a value with a method Render(context.Context, io.Writer)
	// error, as components of templ have, or Render(io.Writer) error, as nodes of
	// gomponents have, or a template.HTML. Anything else is an error, also a string,
	// which might be text that somebody else has chosen. Delete takes none; the other
	// swaps require it.
	HTML any

	// Key makes later fragments replace earlier ones. Of several fragments with one key
	// to one target, a page that was away gets only the last, as with [Event].Keep;
	// of those of one request, only the last is sent. Use it for a fragment that shows
	// the whole state of its place, and not with Before, Prepend, Append and After.
	// Default: every fragment is sent.
	Key string

	// Version keeps a page from replacing what it shows by something older, when two
	// requests overtake one another: a fragment changes no element that has a higher
	// version, from an earlier fragment or from the attribute data-pull-version in the
	// page. It is at least 0 and below 2⁵³, such as the number of a row's revision. Only
	// the client's pull-html.mjs compares versions. Default 0: the fragment always
	// applies, and the element keeps its version.
	Version int64
}

// A Swap is what a fragment does at its place. The element is the one that the selector
// matches.
type Swap string

// The swaps.
const (
	Outer   Swap = "outer"   // replaces the element; the default
	Inner   Swap = "inner"   // replaces the content of the element
	Before  Swap = "before"  // is inserted before the element
	Prepend Swap = "prepend" // becomes the first content of the element
	Append  Swap = "append"  // becomes the last content of the element
	After   Swap = "after"   // is inserted after the element
	Delete  Swap = "delete"  // removes the element; it has no HTML
	Morph   Swap = "morph"   // turns the element into the new one and keeps what is equal, such as the focus
	Upsert  Swap = "upsert"  // replaces the element that has the id of the new one, or if there is none is Append; the HTML is one element with an id
)

const (
	maxSelector = 1 << 10
	maxVersion  = 1<<53 - 1 // of integers in JavaScript
)

// check returns an error if a field other than HTML is invalid.
func (f *Fragment) check() error {
	switch f.Swap {
	case Outer, Inner, Before, Prepend, Append, After, Delete, Morph, Upsert:
	default:
		return fmt.Errorf("pull: unknown swap %q of a fragment, want pull.Outer or another constant of type pull.Swap", f.Swap)
	}
	switch {
	case f.Selector == "":
		return errors.New("pull: a fragment without a selector")
	case len(f.Selector) > maxSelector:
		return fmt.Errorf("pull: the selector of a fragment has %d bytes, the limit is %d", len(f.Selector), maxSelector)
	case !utf8.ValidString(f.Selector):
		return fmt.Errorf("pull: the selector %q of a fragment is not UTF-8", f.Selector)
	case strings.ContainsFunc(f.Selector, unicode.IsControl):
		return fmt.Errorf("pull: the selector %q of a fragment contains a control character", f.Selector)
	case f.Version < 0 || f.Version > maxVersion:
		return fmt.Errorf("pull: the version %d of a fragment is not between 0 and %d", f.Version, int64(maxVersion))
	case f.Swap == Delete && f.HTML != nil:
		return errors.New("pull: a fragment that deletes has HTML, want none")
	case f.Swap != Delete && f.HTML == nil:
		return fmt.Errorf("pull: a fragment for %q has no HTML", f.Selector)
	}
	return nil
}

package pull

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const idBytes = 255 // longest user id and tag

// A Target determines whom an event is for. Targets are values: Except and Or
// return new ones. A user who matches a target in several ways gets an event
// once. The zero Target is nobody, and so are User() and Tag(). An event to
// nobody is not sent; that is not an error. User ids and tags are text of 1 to
// 255 bytes, in UTF-8 and without control characters.
type Target struct {
	term
	or []term // more terms of a union
}

// A term is some people minus some of them.
type term struct {
	shared bool
	users  []string
	tags   []string
	except []string
}

// User returns the target of the users with these ids, on all their pages and
// devices.
func User(ids ...string) Target { return Target{term: term{users: ids}} }

// Tag returns the target of all users who watch one of the tags when the event
// enters the log.
func Tag(tags ...string) Target { return Target{term: term{tags: tags}} }

// Shared returns the target of everyone who is connected, including guests.
// Never send a secret to it.
func Shared() Target { return Target{term: term{shared: true}} }

// Except returns the target without these users. It excludes them from every
// part of a union.
func (t Target) Except(ids ...string) Target {
	t.or = slices.Clone(t.or)
	t.except = append(slices.Clip(t.except), ids...)
	for i := range t.or {
		t.or[i].except = append(slices.Clip(t.or[i].except), ids...)
	}
	return t
}

// Or returns the union of both targets. The exceptions of each apply only to
// itself.
func (t Target) Or(other Target) Target {
	t.or = slices.Clip(t.or)
	for _, u := range append([]term{other.term}, other.or...) {
		if len(t.except) == 0 && len(u.except) == 0 {
			t.shared = t.shared || u.shared
			t.users = append(slices.Clip(t.users), u.users...)
			t.tags = append(slices.Clip(t.tags), u.tags...)
			continue
		}
		t.or = append(t.or, u)
	}
	return t
}

// nobody tells that an event to the target needs not be sent.
func (t Target) nobody() bool {
	return t.empty() && !slices.ContainsFunc(t.or, func(u term) bool { return !u.empty() })
}

func (t *term) empty() bool { return !t.shared && len(t.users) == 0 && len(t.tags) == 0 }

func (t Target) check() error {
	if err := t.term.check(); err != nil {
		return err
	}
	for i := range t.or {
		if err := t.or[i].check(); err != nil {
			return err
		}
	}
	return nil
}

func (t *term) check() error {
	if err := checkIDs("user id", t.users); err != nil {
		return err
	}
	if err := checkIDs("tag", t.tags); err != nil {
		return err
	}
	return checkIDs("excepted user id", t.except)
}

// checkIDs holds ids to what reaches a page unchanged: text without control
// characters, which HTML alters.
func checkIDs(what string, ids []string) error {
	for _, id := range ids {
		switch {
		case id == "":
			return fmt.Errorf("pull: empty %s", what)
		case len(id) > idBytes:
			return fmt.Errorf("pull: %s of %d bytes, the limit is %d", what, len(id), idBytes)
		case isPlain(id):
		case !utf8.ValidString(id):
			return fmt.Errorf("pull: %s %q is not UTF-8", what, id)
		case strings.ContainsFunc(id, unicode.IsControl):
			return fmt.Errorf("pull: %s %q contains a control character", what, id)
		}
	}
	return nil
}

// isPlain tells whether a string is of nothing but printable ASCII, as
// most ids are.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

package event

import (
	"slices"

	"github.com/echo-pull/pull/internal/envelope"
)

// A Target determines whom an event is for. Targets are values: Except and Or
// return new ones. A user who matches a target in several ways gets an event
// once. The zero Target is nobody, and so are User() and Tag(). An event to
// nobody is not sent; that is not an error. User ids and tags are text of 1 to
// 255 bytes, in UTF-8 and without control characters.
type Target struct {
	first envelope.Term
	or    []envelope.Term // further terms of a union
}

// User returns the target of the users with these ids, on all their pages and
// devices.
func User(ids ...string) Target { return Target{first: envelope.Term{Users: ids}} }

// Tag returns the target of all users who watch one of the tags when the event
// enters the log.
func Tag(tags ...string) Target { return Target{first: envelope.Term{Tags: tags}} }

// Shared returns the target of everyone who is connected, including guests.
// Never send a secret to it.
func Shared() Target { return Target{first: envelope.Term{Shared: true}} }

// Except returns the target without these users. It excludes them from every
// part of a union.
func (t Target) Except(ids ...string) Target {
	t.or = slices.Clone(t.or)
	t.first.Except = append(slices.Clip(t.first.Except), ids...)
	for i := range t.or {
		t.or[i].Except = append(slices.Clip(t.or[i].Except), ids...)
	}
	return t
}

// Or returns the union of both targets. The exceptions of each apply only to
// itself.
func (t Target) Or(other Target) Target {
	t.or = slices.Clip(t.or)
	for _, u := range append([]envelope.Term{other.first}, other.or...) {
		if len(t.first.Except) == 0 && len(u.Except) == 0 {
			t.first.Shared = t.first.Shared || u.Shared
			t.first.Users = append(slices.Clip(t.first.Users), u.Users...)
			t.first.Tags = append(slices.Clip(t.first.Tags), u.Tags...)
			continue
		}
		t.or = append(t.or, u)
	}
	return t
}

// IsNobody reports whether a target includes no one. An event to it need not be
// sent.
func IsNobody(t *Target) bool {
	return t.first.IsEmpty() && !slices.ContainsFunc(t.or, func(u envelope.Term) bool { return !u.IsEmpty() })
}

// CheckTarget returns an error if an id or a tag of a target is invalid.
func CheckTarget(t *Target) error {
	if err := t.first.Check(); err != nil {
		return err
	}
	for i := range t.or {
		if err := t.or[i].Check(); err != nil {
			return err
		}
	}
	return nil
}

// AppendTarget appends the address of an event: the name of the page that sent
// it, which may be empty, and the encoded target.
func AppendTarget(b []byte, sender string, t *Target) []byte {
	return envelope.AppendAddress(b, sender, &t.first, t.or)
}

// TargetOf returns the target of an address.
func TargetOf(a envelope.Address) Target {
	var t Target
	for term := range a.Terms() {
		t = t.Or(Target{first: envelope.Term{
			Shared: term.Shared, Users: stringsOf(term.Users), Tags: stringsOf(term.Tags), Except: stringsOf(term.Except),
		}})
	}
	return t
}

func stringsOf(l envelope.List) []string {
	var list []string
	for s := range l.All() {
		list = append(list, string(s))
	}
	return list
}

// Terms returns the terms of a target, of which it is the union.
func Terms(t *Target) []envelope.Term { return append([]envelope.Term{t.first}, t.or...) }

// OnlyUser returns the id of the user if a target is one user, and nobody else.
func OnlyUser(t *Target) (id string, one bool) {
	f := &t.first
	if f.Shared || len(f.Users) != 1 || len(f.Tags) > 0 || len(t.or) > 0 {
		return "", false
	}
	return f.Users[0], true
}

// IsShared reports whether a target includes everyone.
func IsShared(t *Target) bool {
	return t.first.Shared || slices.ContainsFunc(t.or, func(u envelope.Term) bool { return u.Shared })
}

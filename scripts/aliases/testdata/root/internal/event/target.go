package event

// A Target determines whom an event is for.
type Target struct {
	term
}

type term struct{ users []string }

// User returns the target of users.
func User(ids ...string) Target { return Target{term{ids}} }

// Tag returns the target of the users who watch a tag.
func Tag(tag string) (t Target) { return t }

// Or returns the union of both targets:
//
//	User("1").Or(Tag("x"))
//
// Use [Target.Except], too.
func (t Target) Or(other Target) Target { return other }

// Except returns the target without these users.
func (t Target) Except(ids ...string) Target { return t }

package envelope

import (
	"encoding/binary"
	"iter"
)

// SenderName returns the name of the page that has sent an event. Page ids
// contain no slash, so two pages never have the same name.
func SenderName(client, user string) string { return client + "/" + user }

// IsSender reports whether name is the name of the user's page with the id
// client. A page without an id has no name.
func IsSender(name []byte, client, user string) bool {
	n := len(client)
	return n > 0 && len(name) == n+1+len(user) && name[n] == '/' && string(name[:n]) == client && string(name[n+1:]) == user
}

// A Term is a set of users without the users in Except.
type Term struct {
	Shared bool
	Users  []string
	Tags   []string
	Except []string
}

// IsEmpty reports whether a term includes no one.
func (t *Term) IsEmpty() bool { return !t.Shared && len(t.Users) == 0 && len(t.Tags) == 0 }

// Check returns an error if an id or a tag of the term is invalid.
func (t *Term) Check() error {
	if err := CheckIDs("user id", t.Users); err != nil {
		return err
	}
	if err := CheckIDs("tag", t.Tags); err != nil {
		return err
	}
	return CheckIDs("excepted user id", t.Except)
}

// AppendAddress appends whom a message is for: the name of the page that must
// not receive it, and the terms of the target.
func AppendAddress(b []byte, sender string, first *Term, or []Term) []byte {
	b = appendString(b, sender)
	b = binary.AppendUvarint(b, uint64(1+len(or)))
	b = appendTerm(b, first)
	for i := range or {
		b = appendTerm(b, &or[i])
	}
	return b
}

func appendTerm(b []byte, t *Term) []byte {
	shared := byte(0)
	if t.Shared {
		shared = 1
	}
	b = append(b, shared)
	b = appendList(b, t.Users)
	b = appendList(b, t.Tags)
	return appendList(b, t.Except)
}

// An Address is the part of an envelope that determines whom it is for.
type Address []byte

// Sender returns the name of the page that must not receive the message, or an
// empty slice.
func (a Address) Sender() []byte {
	r := reader{rest: a}
	return r.string()
}

// Terms returns an iterator over the terms of the target.
func (a Address) Terms() iter.Seq[AddressTerm] {
	return func(yield func(AddressTerm) bool) {
		r := reader{rest: a}
		r.string()
		for range r.number() {
			if !yield(r.term()) {
				return
			}
		}
	}
}

// Keys calls visit for each user and tag of an address, and with a nil name if
// the address includes everyone. It may visit a name several times.
func Keys(address []byte, visit func(tag bool, name []byte)) {
	for t := range Address(address).Terms() {
		if t.Shared {
			visit(false, nil)
		}
		for user := range t.Users.All() {
			visit(false, user)
		}
		for tag := range t.Tags.All() {
			visit(true, tag)
		}
	}
}

// An AddressTerm is a [Term] as encoded in the log.
type AddressTerm struct {
	Shared              bool
	Users, Tags, Except List
}

// A List is a list of strings as encoded in the log. Reading it does not
// allocate.
type List struct {
	N    uint64 // number of strings
	rest []byte
}

// All returns an iterator over the strings.
func (l List) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		r := reader{rest: l.rest}
		for range l.N {
			if !yield(r.string()) {
				return
			}
		}
	}
}

// Has reports whether the list contains s.
func (l List) Has(s string) bool {
	if l.N == 0 {
		return false
	}
	for item := range l.All() {
		if string(item) == s {
			return true
		}
	}
	return false
}

// Package envelope encodes and decodes the messages of the log: their headers,
// whom they are for, and their contents. It also checks the ids and names that
// a message may contain.
package envelope

import (
	"encoding/binary"
	"errors"
	"iter"
	"time"
)

// The format of a message in the log. An envelope is
//
//	version kind node[8] seq[8] at[8] contents
//
// node and seq name the message. If a publisher is not sure whether the log
// took a message, it sends it again under the same name, and every node drops
// a message that it has already applied. The contents of an event are
//
//	expires sender term-count terms body
//	term: shared users tags except
//
// and those of a control message are a list of strings. Numbers in contents are
// uvarints. A list is its length and its strings, a string is its length and
// its bytes. The body extends to the end. It is what pages receive, so that the
// log, the window and every replay share one copy of it.
const (
	envelopeVersion = 1
	nodeIDBytes     = 8

	// HeaderBytes is the size of what precedes the contents.
	HeaderBytes = 2 + nodeIDBytes + 8 + 8
)

// A Kind is the kind of a message.
type Kind byte

// The kinds of messages. All but KindEvent are control messages, which nodes
// send to one another. The comments list their strings.
const (
	KindEvent      Kind = iota + 1
	KindWatch           // user, the cursor at which the watch begins, tags…
	KindExtend          // user, tags…
	KindUnwatch         // user, tags… (none: all)
	KindDisconnect      // user
	KindHello           // a node has started and requests the users of the other nodes
	KindBeat            // a node is alive (empty list)
	KindBye             // a node stops (empty list)
	KindOnline          // users who have come online on the node…
	KindOffline         // users who have gone offline on the node…
	KindRoster          // "part/parts", and a part of all users of the node…
)

// AppendHeader appends the header of an envelope. Its name is zero until
// [Stamp] sets it.
func AppendHeader(b []byte, k Kind, at time.Time) []byte {
	b = append(b, envelopeVersion, byte(k))
	b = append(b, make([]byte, nodeIDBytes+8)...)
	return binary.BigEndian.AppendUint64(b, uint64(at.UnixNano()))
}

// Stamp sets the name of an envelope. No one else may have the envelope yet.
func Stamp(raw []byte, node string, seq uint64) {
	copy(raw[2:2+nodeIDBytes], node)
	binary.BigEndian.PutUint64(raw[2+nodeIDBytes:], seq)
}

// Seq returns the sequence number of an envelope, which its node has assigned.
func Seq(raw []byte) uint64 { return binary.BigEndian.Uint64(raw[2+nodeIDBytes:]) }

// IsControl reports whether an envelope is a control message.
func IsControl(raw []byte) bool { return len(raw) < HeaderBytes || Kind(raw[1]) != KindEvent }

// Control encodes a control message.
func Control(k Kind, at time.Time, list ...string) []byte {
	size := HeaderBytes + binary.MaxVarintLen64
	for _, s := range list {
		size += len(s) + binary.MaxVarintLen16
	}
	return appendList(AppendHeader(make([]byte, 0, size), k, at), list)
}

// SenderName returns the name of the page that has sent an event. Page ids
// contain no slash, so two pages never have the same name.
func SenderName(client, user string) string { return client + "/" + user }

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

func appendList(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// An Envelope is a message as read from the log. Its slices are parts of the
// log's own bytes: never write to them.
type Envelope struct {
	Kind    Kind
	Node    []byte
	Seq     uint64
	At      int64  // when it was sent, unix nanoseconds
	Expires uint64 // unix seconds; events only
	Addr    Address
	Body    []byte
	List    []string // control messages only
}

var errMalformed = errors.New("pull: not a message of this version")

// Parse decodes an envelope. The log may contain anything, so Parse trusts
// nothing. An envelope that it accepts needs no further checks.
func Parse(raw []byte) (Envelope, error) {
	if len(raw) < HeaderBytes || raw[0] != envelopeVersion {
		return Envelope{}, errMalformed
	}
	e := Envelope{
		Kind: Kind(raw[1]),
		Node: raw[2 : 2+nodeIDBytes],
		Seq:  Seq(raw),
		At:   int64(binary.BigEndian.Uint64(raw[10+nodeIDBytes:])), //nolint:gosec // any bits are a time
	}
	r := reader{rest: raw[HeaderBytes:]}
	if e.Kind != KindEvent {
		e.List = r.strings()
		if r.bad || len(r.rest) > 0 || e.Kind == 0 || e.Kind > KindRoster {
			return Envelope{}, errMalformed
		}
		return e, nil
	}
	e.Expires = r.number()
	start := r.rest
	r.skipAddress()
	if r.bad {
		return Envelope{}, errMalformed
	}
	e.Addr, e.Body = Address(start[:len(start)-len(r.rest)]), r.rest
	return e, nil
}

// An Address is the part of an envelope that determines whom it is for.
type Address []byte

// Sender returns the name of the page that must not receive the message, or an
// empty slice.
func (a Address) Sender() []byte {
	r := reader{rest: a}
	return r.string()
}

// IsSender reports whether name is the name of the user's page with the id
// client. A page without an id has no name.
func IsSender(name []byte, client, user string) bool {
	n := len(client)
	return n > 0 && len(name) == n+1+len(user) && name[n] == '/' && string(name[:n]) == client && string(name[n+1:]) == user
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

// A reader decodes the contents of an envelope. Once it has met malformed
// bytes, bad is true and it returns zero values.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *reader) string() []byte {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}

// list skips a list and returns it. It stops at the end of the bytes, so a
// forged length costs nothing.
func (r *reader) list() List {
	n := r.number()
	l := List{n, r.rest}
	for i := uint64(0); i < n && !r.bad; i++ {
		r.string()
	}
	return l
}

func (r *reader) strings() []string {
	l := r.list()
	if r.bad || l.N == 0 {
		return nil
	}
	list := make([]string, 0, l.N)
	for s := range l.All() {
		list = append(list, string(s))
	}
	return list
}

func (r *reader) term() AddressTerm {
	var t AddressTerm
	if len(r.rest) == 0 {
		r.bad = true
		return t
	}
	t.Shared = r.rest[0] != 0
	r.rest = r.rest[1:]
	t.Users, t.Tags, t.Except = r.list(), r.list(), r.list()
	return t
}

func (r *reader) skipAddress() {
	r.string()
	n := r.number()
	for i := uint64(0); i < n && !r.bad; i++ {
		r.term()
	}
}

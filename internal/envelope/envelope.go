// Package envelope encodes and decodes what lies in the log: who a message is for,
// and what it contains. It also checks the ids and names that are allowed there.
package envelope

import (
	"encoding/binary"
	"errors"
	"iter"
	"time"
)

// What lies in the log. An envelope is
//
//	version kind node[8] seq[8] at[8] contents
//
// node and seq name the message: a publisher that is not sure whether the log
// took a message sends it again under the same name, and every node drops what
// it has had. The contents of an event are
//
//	expires sender term-count terms body
//	term: shared users tags except
//
// and of a control message a list of strings. Numbers in contents are uvarints;
// a list is its length and its strings, a string is its length and its bytes.
// The body runs to the end and is what pages get, so that one copy of it serves
// the log, the window and every replay.
const (
	envelopeVersion = 1
	nodeIDBytes     = 8
	HeaderBytes     = 2 + nodeIDBytes + 8 + 8
)

type Kind byte

const (
	KindEvent      Kind = iota + 1
	KindWatch           // user, cursor from which on, tags…
	KindExtend          // user, tags…
	KindUnwatch         // user, tags… (none: all)
	KindDisconnect      // user
	KindHello           // a node has started and asks who is online where
	KindBeat            // a node is alive
	KindBye             // a node stops
	KindOnline          // users of the node…
	KindOffline         // users of the node…
	KindRoll            // "part/parts" of a list, all users of the node…
)

// AppendHeader begins an envelope. The publisher names it later.
func AppendHeader(b []byte, k Kind, at time.Time) []byte {
	b = append(b, envelopeVersion, byte(k))
	b = append(b, make([]byte, nodeIDBytes+8)...)
	return binary.BigEndian.AppendUint64(b, uint64(at.UnixNano()))
}

// Stamp names an envelope that nobody else has seen yet.
func Stamp(raw []byte, node string, seq uint64) {
	copy(raw[2:2+nodeIDBytes], node)
	binary.BigEndian.PutUint64(raw[2+nodeIDBytes:], seq)
}

// Seq returns by which number its node knows an envelope.
func Seq(raw []byte) uint64 { return binary.BigEndian.Uint64(raw[2+nodeIDBytes:]) }

// IsControl tells whether an envelope is a message of the plugin's own.
func IsControl(raw []byte) bool { return len(raw) < HeaderBytes || Kind(raw[1]) != KindEvent }

// Control encodes a message of the plugin's own.
func Control(k Kind, at time.Time, list ...string) []byte {
	size := HeaderBytes + binary.MaxVarintLen64
	for _, s := range list {
		size += len(s) + binary.MaxVarintLen16
	}
	return appendList(AppendHeader(make([]byte, 0, size), k, at), list)
}

// SenderName names the page of a user that has sent an event. Ids of pages have
// no slash, so nobody's page has another's name.
func SenderName(client, user string) string { return client + "/" + user }

// A Term is some people minus some of them.
type Term struct {
	Shared bool
	Users  []string
	Tags   []string
	Except []string
}

func (t *Term) Empty() bool { return !t.Shared && len(t.Users) == 0 && len(t.Tags) == 0 }

func (t *Term) Check() error {
	if err := CheckIDs("user id", t.Users); err != nil {
		return err
	}
	if err := CheckIDs("tag", t.Tags); err != nil {
		return err
	}
	return CheckIDs("excepted user id", t.Except)
}

// AppendAddress appends whom a message is for: the page that must not get it,
// and the terms of the target.
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
// log's own bytes.
type Envelope struct {
	Kind    Kind
	Node    []byte
	Seq     uint64
	At      int64  // unix nanoseconds
	Expires uint64 // unix seconds; of an event
	Addr    Address
	Body    []byte
	List    []string // of a control message
}

var errEnvelope = errors.New("pull: not a message of this version")

// Parse reads an envelope. The log may hold anything, so nothing is trusted, and
// what open has accepted needs no checks later.
func Parse(raw []byte) (Envelope, error) {
	if len(raw) < HeaderBytes || raw[0] != envelopeVersion {
		return Envelope{}, errEnvelope
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
		if r.bad || len(r.rest) > 0 || e.Kind == 0 || e.Kind > KindRoll {
			return Envelope{}, errEnvelope
		}
		return e, nil
	}
	e.Expires = r.number()
	start := r.rest
	r.skipAddress()
	if r.bad {
		return Envelope{}, errEnvelope
	}
	e.Addr, e.Body = Address(start[:len(start)-len(r.rest)]), r.rest
	return e, nil
}

// An Address is the part of an envelope that says whom it is for.
type Address []byte

// Sender is the name of the page that must not get the message, or empty.
func (a Address) Sender() []byte {
	r := reader{rest: a}
	return r.string()
}

// IsSender tells whether a page of a user has the name. A page without an id has none.
func IsSender(name []byte, client, user string) bool {
	n := len(client)
	return n > 0 && len(name) == n+1+len(user) && name[n] == '/' && string(name[:n]) == client && string(name[n+1:]) == user
}

// Terms yields the terms of the target.
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

// Keys calls visit for each user and tag at an address, and with a nil name if
// the address has everyone. A name may come more than once.
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

// An AddressTerm is a [term] as it lies in the log.
type AddressTerm struct {
	Shared              bool
	Users, Tags, Except List
}

// A List is a list as it lies in the log, read without allocating.
type List struct {
	N    uint64
	rest []byte
}

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

// A reader takes an envelope's contents apart. After anything malformed it is
// bad and answers zeros.
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

// list skips a list and returns it. No list is longer than its bytes, so a
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

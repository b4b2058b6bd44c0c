package pull

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
	headerBytes     = 2 + nodeIDBytes + 8 + 8
)

type kind byte

const (
	kindEvent      kind = iota + 1
	kindWatch           // user, cursor from which on, tags…
	kindExtend          // user, tags…
	kindUnwatch         // user, tags… (none: all)
	kindDisconnect      // user
	kindHello           // a node has started and asks who is online where
	kindBeat            // a node is alive
	kindBye             // a node stops
	kindOnline          // users of the node…
	kindOffline         // users of the node…
	kindRoll            // "part/parts" of a list, all users of the node…
)

// appendHeader begins an envelope. The publisher names it later.
func appendHeader(b []byte, k kind, at time.Time) []byte {
	b = append(b, envelopeVersion, byte(k))
	b = append(b, make([]byte, nodeIDBytes+8)...)
	return binary.BigEndian.AppendUint64(b, uint64(at.UnixNano()))
}

// stamp names an envelope that nobody else has seen yet.
func stamp(raw []byte, node string, seq uint64) {
	copy(raw[2:2+nodeIDBytes], node)
	binary.BigEndian.PutUint64(raw[2+nodeIDBytes:], seq)
}

// nameOf returns by which number its node knows an envelope.
func nameOf(raw []byte) uint64 { return binary.BigEndian.Uint64(raw[2+nodeIDBytes:]) }

// isControl tells whether an envelope is a message of the plugin's own.
func isControl(raw []byte) bool { return len(raw) < headerBytes || kind(raw[1]) != kindEvent }

// control encodes a message of the plugin's own.
func control(k kind, at time.Time, list ...string) []byte {
	size := headerBytes + binary.MaxVarintLen64
	for _, s := range list {
		size += len(s) + binary.MaxVarintLen16
	}
	return appendList(appendHeader(make([]byte, 0, size), k, at), list)
}

// senderName names the page of a user that has sent an event. Ids of pages have
// no slash, so nobody's page has another's name.
func senderName(client, user string) string { return client + "/" + user }

// appendAddress appends whom a message is for: the page that must not get it,
// and the terms of the target.
func appendAddress(b []byte, sender string, t *Target) []byte {
	b = appendString(b, sender)
	b = binary.AppendUvarint(b, uint64(1+len(t.or)))
	b = appendTerm(b, &t.term)
	for i := range t.or {
		b = appendTerm(b, &t.or[i])
	}
	return b
}

func appendTerm(b []byte, t *term) []byte {
	shared := byte(0)
	if t.shared {
		shared = 1
	}
	b = append(b, shared)
	b = appendList(b, t.users)
	b = appendList(b, t.tags)
	return appendList(b, t.except)
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

// An envelope is a message as read from the log. Its slices are parts of the
// log's own bytes.
type envelope struct {
	kind    kind
	node    []byte
	seq     uint64
	at      int64  // unix nanoseconds
	expires uint64 // unix seconds; of an event
	addr    address
	body    []byte
	list    []string // of a control message
}

var errEnvelope = errors.New("pull: not a message of this version")

// open reads an envelope. The log may hold anything, so nothing is trusted, and
// what open has accepted needs no checks later.
func open(raw []byte) (envelope, error) {
	if len(raw) < headerBytes || raw[0] != envelopeVersion {
		return envelope{}, errEnvelope
	}
	e := envelope{
		kind: kind(raw[1]),
		node: raw[2 : 2+nodeIDBytes],
		seq:  nameOf(raw),
		at:   int64(binary.BigEndian.Uint64(raw[10+nodeIDBytes:])), //nolint:gosec // any bits are a time
	}
	r := reader{rest: raw[headerBytes:]}
	if e.kind != kindEvent {
		e.list = r.strings()
		if r.bad || len(r.rest) > 0 || e.kind == 0 || e.kind > kindRoll {
			return envelope{}, errEnvelope
		}
		return e, nil
	}
	e.expires = r.number()
	start := r.rest
	r.skipAddress()
	if r.bad {
		return envelope{}, errEnvelope
	}
	e.addr, e.body = address(start[:len(start)-len(r.rest)]), r.rest
	return e, nil
}

// An address is the part of an envelope that says whom it is for.
type address []byte

// sender is the name of the page that must not get the message, or empty.
func (a address) sender() []byte {
	r := reader{rest: a}
	return r.string()
}

// isSender tells whether a page of a user has the name. A page without an id has none.
func isSender(name []byte, client, user string) bool {
	n := len(client)
	return n > 0 && len(name) == n+1+len(user) && name[n] == '/' && string(name[:n]) == client && string(name[n+1:]) == user
}

// terms yields the terms of the target.
func (a address) terms() iter.Seq[addressTerm] {
	return func(yield func(addressTerm) bool) {
		r := reader{rest: a}
		r.string()
		for range r.number() {
			if !yield(r.term()) {
				return
			}
		}
	}
}

// An addressTerm is a [term] as it lies in the log.
type addressTerm struct {
	shared              bool
	users, tags, except stringList
}

// A stringList is a list as it lies in the log, read without allocating.
type stringList struct {
	n    uint64
	rest []byte
}

func (l stringList) all() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		r := reader{rest: l.rest}
		for range l.n {
			if !yield(r.string()) {
				return
			}
		}
	}
}

func (l stringList) has(s string) bool {
	if l.n == 0 {
		return false
	}
	for item := range l.all() {
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
func (r *reader) list() stringList {
	n := r.number()
	l := stringList{n, r.rest}
	for i := uint64(0); i < n && !r.bad; i++ {
		r.string()
	}
	return l
}

func (r *reader) strings() []string {
	l := r.list()
	if r.bad || l.n == 0 {
		return nil
	}
	list := make([]string, 0, l.n)
	for s := range l.all() {
		list = append(list, string(s))
	}
	return list
}

func (r *reader) term() addressTerm {
	var t addressTerm
	if len(r.rest) == 0 {
		r.bad = true
		return t
	}
	t.shared = r.rest[0] != 0
	r.rest = r.rest[1:]
	t.users, t.tags, t.except = r.list(), r.list(), r.list()
	return t
}

func (r *reader) skipAddress() {
	r.string()
	n := r.number()
	for i := uint64(0); i < n && !r.bad; i++ {
		r.term()
	}
}

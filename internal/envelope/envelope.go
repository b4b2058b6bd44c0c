// Package envelope encodes and decodes the messages of the log: their headers,
// whom they are for, and their contents. It also checks the ids and names that
// a message may contain.
package envelope

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"time"
)

// The format of a message in the log. An envelope is
//
//	version kind node[8] seq[8] at[8] flags contents
//
// The flags of an event mark it as secret, or say what its contents have beside what all
// events have. node and seq name the message.
// If a publisher is not sure whether the log took a message, it sends it again
// under the same name, and every node drops a message that it has already
// applied. The contents of an event are
//
//	expires sender term-count terms per-user body
//	term: shared users tags except
//
// What only some users get, see [PerUser], is there if a flag says so.
// With a notification, and in a message that withdraws one, a string precedes
// them: what the notification is, or the tag that is withdrawn. The series of an
// event precedes everything: of a series, only the last event is replayed. After it comes
// the key of an event that another service has published, see [Key], and then a string,
// the trace of the event, see [WithTrace]. A message of
// a page, and one for pages that watch a tag now, have the contents of an event. The contents of a
// control message are a list of strings. Numbers in contents are
// uvarints. A list is its length and its strings, a string is its length and
// its bytes. The body extends to the end. It is what pages receive after the offset
// and the time, so that the log, the window and every replay share one copy of it.
const (
	envelopeVersion = 3
	nodeIDBytes     = 8

	// Where the parts of the header begin.
	kindAt  = 1
	nodeAt  = 2
	seqAt   = nodeAt + nodeIDBytes
	sentAt  = seqAt + 8
	flagsAt = sentAt + 8

	// HeaderBytes is the size of what precedes the contents.
	HeaderBytes = flagsAt + 1

	// SeriesBytes is the size of the name of a series.
	SeriesBytes = 16

	// The flags of events.
	secretFlag  = 1 << 0 // nodes send it to pages uncompressed
	seriesFlag  = 1 << 1 // it is part of a series
	keyedFlag   = 1 << 2 // it has a key
	perUserFlag = 1 << 3 // it has params for some users alone
	traceFlag   = 1 << 4 // it has a trace
	allFlags    = secretFlag | seriesFlag | keyedFlag | perUserFlag | traceFlag
)

// A Kind is the kind of a message.
type Kind byte

// The kinds of messages. KindEvent and those after KindRoster are for pages or
// devices. The others are control messages, which nodes send to one another. The
// comments list their strings.
const (
	KindEvent      Kind = iota + 1
	KindWatch           // user, the cursor at which the watch begins, tags…
	KindExtend          // user, tags…
	KindUnwatch         // user, tags… (none: all)
	KindDisconnect      // user, and a name for what nodes report
	KindHello           // a node has started and requests the users of the other nodes
	KindBeat            // a node is alive (empty list)
	KindBye             // a node stops (empty list)
	KindOnline          // users who have come online on the node…
	KindOffline         // users who have gone offline on the node…
	KindRoster          // "part/parts", and a part of all users of the node…
	KindLooked          // a cursor, and users who have looked at a page of the node after it had read so far…: they need no notification of what it had read
	KindNotified        // "id\nuser"… of notifications that no node has to send any more; without a user: to all users
	KindClaim           // nodes whose notifications the node sends from now on…; "" for those of transactional outboxes
	KindMissed          // users whose page of the node was dead…: a node at which they look at one says so
	KindPush            // an event with a notification
	KindPushOnly        // a notification with an event that pages do not receive
	KindWithdraw        // an event that withdraws notifications
	KindPages           // how many pages of the node watch a tag themselves, and which users have come to it and left it…
	KindRelay           // a message of a page, with the contents of an event; it is delivered once and not kept
	KindSession         // user, client id, the ID of a session, and seconds and nanoseconds of its end: a page has renewed its session
	KindEndSession      // the ID of a session that is over, and a name for what nodes report
	KindTicket          // the id of a ticket that a page has used at the node
	KindDone            // names: the node has closed the connections of these commands
	KindUpdate          // what a node shows to pages that watch a tag, with the contents of an event; it is delivered once and not kept

	kinds
)

// IsEvent reports whether a message is an event, which the window keeps.
func (k Kind) IsEvent() bool { return k == KindEvent || k >= KindPush && k <= KindWithdraw }

// hasBody reports whether a message has the contents of an event. Others are lists.
func (k Kind) hasBody() bool { return k.IsEvent() || k.IsMomentary() }

// IsMomentary reports whether a message is for the pages that are connected now.
func (k Kind) IsMomentary() bool { return k == KindRelay || k == KindUpdate }

// AppendPush appends what follows the header of an event with a notification.
func AppendPush(b, push []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(push))), push...)
}

// AppendHeader appends the header of an envelope. Its name is zero until
// [Stamp] sets it.
func AppendHeader(b []byte, k Kind, at time.Time) []byte {
	b = append(b, envelopeVersion, byte(k))
	b = append(b, make([]byte, nodeIDBytes+8)...)
	return append(binary.BigEndian.AppendUint64(b, uint64(at.UnixNano())), 0)
}

// MarkSecret marks an event as secret: nodes send it to pages uncompressed. No one
// else may have the envelope yet.
func MarkSecret(raw []byte) { raw[flagsAt] |= secretFlag }

// AppendSeries makes an event part of a series. raw is the header of its envelope, and
// no one else may have it yet.
func AppendSeries(raw []byte, series [SeriesBytes]byte) []byte {
	raw[flagsAt] |= seriesFlag
	return append(raw, series[:]...)
}

// Stamp sets the name of an envelope. No one else may have the envelope yet.
func Stamp(raw []byte, node string, seq uint64) {
	copy(raw[nodeAt:seqAt], node)
	binary.BigEndian.PutUint64(raw[seqAt:], seq)
}

// OutboxID returns the node of messages from a transactional outbox, which is no
// node of its own.
func OutboxID(source string) string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(source))
	return string(binary.BigEndian.AppendUint64([]byte{outboxMark}, sum.Sum64())[:nodeIDBytes])
}

// outboxMark begins the id of an outbox. It sorts after every node's id, so an
// outbox is never taken for the running node with the lowest id.
const outboxMark = '~'

// IsOutbox reports whether the id of a node is that of a transactional outbox, or
// of none.
func IsOutbox(node []byte) bool { return node[0] == outboxMark || string(node) == noNode }

// Seq returns the sequence number of an envelope, which its node has assigned.
func Seq(raw []byte) uint64 { return binary.BigEndian.Uint64(raw[seqAt:]) }

// At returns when a valid envelope says that it was sent, in unix nanoseconds.
func At(raw []byte) int64 {
	return int64(binary.BigEndian.Uint64(raw[sentAt:])) //nolint:gosec // any bits are a time
}

// Expires returns when a valid envelope of an event stops being replayed, in
// unix seconds.
func Expires(raw []byte) uint64 {
	r := reader{rest: raw[HeaderBytes:]}
	r.rest = r.rest[namesBytes(raw):]
	if hasTrace(raw) {
		r.string()
	}
	if Kind(raw[kindAt]) != KindEvent {
		r.string() // the notification
	}
	return r.number()
}

// HasSeries reports whether a valid envelope is part of a series.
func HasSeries(raw []byte) bool { return raw[flagsAt]&seriesFlag != 0 }

// IsTransient reports whether an envelope matters only until every node has read
// it. What became of a notification matters for as long as the notification is in
// the log. The end of a session matters to a node that starts a moment later.
func IsTransient(raw []byte) bool {
	if len(raw) < HeaderBytes {
		return true
	}
	k := Kind(raw[kindAt])
	return !k.IsEvent() && k != KindLooked && k != KindNotified && k != KindClaim && k != KindEndSession
}

// Control encodes a control message.
func Control(k Kind, at time.Time, list ...string) []byte {
	size := HeaderBytes + binary.MaxVarintLen64
	for _, s := range list {
		size += len(s) + binary.MaxVarintLen16
	}
	return appendList(AppendHeader(make([]byte, 0, size), k, at), list)
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
	Secret  bool   // events only: it must not be compressed
	Series  []byte // events only: the name of the series; nil without one
	Key     []byte // events only: an encoded [Key]; nil without one
	Trace   []byte // events only: see [WithTrace]; nil without one
	Node    []byte
	Seq     uint64
	At      int64  // when it was sent, unix nanoseconds
	Expires uint64 // unix seconds; events and messages of pages only
	Addr    Address
	PerUser PerUser // events only
	Body    []byte
	Push    []byte   // the notification as JSON, or the tag that is withdrawn
	List    []string // control messages only
}

// IsUnnamed reports whether a message has no name, because the log has got it
// from its own transactional outbox, exactly once.
func (e *Envelope) IsUnnamed() bool { return e.Seq == 0 && string(e.Node) == noNode }

const noNode = "\x00\x00\x00\x00\x00\x00\x00\x00"

var errMalformed = errors.New("pull: not a message of this version")

// Parse decodes an envelope. The log may contain anything, so Parse trusts
// nothing. An envelope that it accepts needs no further checks.
func Parse(raw []byte) (Envelope, error) {
	if len(raw) < HeaderBytes || raw[0] != envelopeVersion {
		return Envelope{}, errMalformed
	}
	e := Envelope{
		Kind:   Kind(raw[kindAt]),
		Secret: raw[flagsAt]&secretFlag != 0,
		Node:   raw[nodeAt:seqAt],
		Seq:    Seq(raw),
		At:     At(raw),
	}
	r := reader{rest: raw[HeaderBytes:]}
	if !e.Kind.hasBody() {
		e.List = r.strings()
		if r.bad || len(r.rest) > 0 || raw[flagsAt] != 0 || e.Kind == 0 || e.Kind >= kinds {
			return Envelope{}, errMalformed
		}
		return e, nil
	}
	if raw[flagsAt]&^byte(allFlags) != 0 || !e.readEvent(&r, raw) {
		return Envelope{}, errMalformed
	}
	return e, nil
}

// readEvent reads the contents of an event, or of a message of a page, and reports
// whether they are valid.
func (e *Envelope) readEvent(r *reader, raw []byte) bool {
	if HasSeries(raw) {
		e.Series = r.bytes(SeriesBytes)
	}
	if hasKey(raw) {
		e.Key = r.bytes(uint64(keyBytes))
	}
	if hasTrace(raw) {
		e.Trace = r.string()
		r.bad = r.bad || len(e.Trace) > MaxTraceBytes
	}
	if e.Kind != KindEvent && !e.Kind.IsMomentary() {
		e.Push = r.string()
	}
	e.Expires = r.number()
	start := r.rest
	r.skipAddress()
	e.Addr = Address(start[:len(start)-len(r.rest)])
	if HasPerUser(raw) {
		e.PerUser = r.perUser()
	}
	if r.bad {
		return false
	}
	e.Body = r.rest
	return !e.Kind.IsMomentary() || isMomentary(e, raw[flagsAt])
}

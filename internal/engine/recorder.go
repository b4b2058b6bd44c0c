package engine

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/echo-pull/pull/internal/envelope"
	"github.com/echo-pull/pull/internal/event"
)

// A recorder shows tests what leaves. It does nothing until a test turns it on.
//
// An envelope does not have all that the application gave to Send. While an event
// waits in an outbox, its envelope has no name yet: the sequence number then is
// that of a note, which has the rest.
type recorder struct {
	on atomic.Bool

	mu      sync.Mutex // guards what follows
	last    uint64     // number of the last note
	notes   map[uint64]Note
	readers []*func(Record)
}

// A Note is what an envelope does not have of an event.
type Note struct {
	Key          string
	ExceptSender bool
}

// A Record is an event that has left: the publisher or a relay has it.
type Record struct {
	Raw []byte // its envelope
	Note
	Noted bool // false for events of SendTx, of which nothing is known but the envelope
}

func (r *recorder) isOn() bool { return r.on.Load() }

// note notes what the envelope of an event does not have.
func (r *recorder) note(raw []byte, e *event.Event) {
	if !r.isOn() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()

	if r.notes == nil {
		r.notes = make(map[uint64]Note)
	}
	r.last++
	r.notes[r.last] = Note{e.Key, e.ExceptSender}
	envelope.Stamp(raw, "", r.last)
}

// published passes a message to the readers. The publisher calls it before the
// message has its name.
func (r *recorder) published(raw []byte) {
	if e, err := envelope.Parse(raw); err != nil || !e.Kind.IsEvent() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()

	number := envelope.Seq(raw)
	note, noted := r.notes[number]
	delete(r.notes, number)
	r.record(Record{bytes.Clone(raw), note, noted})
}

// relayed passes messages to the readers that a relay has put into the log.
func (r *recorder) relayed(messages [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()

	for _, raw := range messages {
		r.record(Record{Raw: raw})
	}
}

// record passes a record to the readers. The caller holds mu.
func (r *recorder) record(left Record) {
	for _, read := range r.readers {
		(*read)(left)
	}
}

// read passes all that leaves from now on to take, until stop is called.
func (r *recorder) read(take func(Record)) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()

	reader := &take
	r.readers = append(r.readers, reader)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()

		r.readers = slices.DeleteFunc(r.readers, func(other *func(Record)) bool { return other == reader })
	}
}

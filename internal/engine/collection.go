package engine

import (
	"sync"

	"github.com/echo-pull/pull/internal/event"
	"github.com/echo-pull/pull/internal/publish"
)

// keptBytes and keptEvents bound the collections that are used again. Keeping
// larger ones would be a leak.
const (
	keptBytes  = 64 << 10
	keptEvents = 512
)

// A collection holds the events of a request until they are published. Its memory
// then serves other requests, so nobody may keep one: an outbox, which a goroutine
// left behind may keep, refers to its collection under a lock, and no longer than it
// collects.
type collection struct {
	raw      []byte         // envelopes, one after another, with those that were replaced
	spans    []span         // where in raw they are
	keys     map[string]int // index in spans by key and target
	messages [][]byte       // of the batch
	count    int            // events that were not replaced
	size     int            // their bytes
}

// A span is a part of a collection's memory. It is empty if a later event with the
// same key has replaced the event.
type span struct{ from, to int }

var collections = sync.Pool{New: func() any { return new(collection) }} //nolint:gochecknoglobals // a cache of buffers; all plugins of a process share it

func newCollection() *collection { return collections.Get().(*collection) } //nolint:forcetypeassert // holds nothing else

// release ends the use of a collection.
func (c *collection) release() {
	if cap(c.raw) > keptBytes || cap(c.spans) > keptEvents {
		return
	}
	clear(c.messages)
	*c = collection{raw: c.raw[:0], spans: c.spans[:0], messages: c.messages[:0]}
	collections.Put(c)
}

// add adds a copy of an envelope.
func (c *collection) add(raw []byte) {
	from := len(c.raw)
	c.raw = append(c.raw, raw...)
	c.spans = append(c.spans, span{from, len(c.raw)})
	c.count++
	c.size += len(raw)
}

// replace removes the earlier event with the key and target, and returns its size,
// or 0 if there is none. The event that is added next takes its place in keys.
func (c *collection) replace(key string, t *event.Target) (size int) {
	if c.keys == nil {
		c.keys = make(map[string]int)
	}
	name := key + "\x00" + string(event.AppendTarget(nil, "", t))
	if i, sent := c.keys[name]; sent {
		s := &c.spans[i]
		size = s.to - s.from
		s.to = s.from
		c.count--
		c.size -= size
		if len(c.raw) > 2*c.size+keptBytes {
			c.compact()
		}
	}
	c.keys[name] = len(c.spans)
	return size
}

// compact removes from memory what was replaced.
func (c *collection) compact() {
	raw, spans := c.raw[:0], c.spans[:0]
	moved := make([]int, len(c.spans)) // the new indexes
	for i, s := range c.spans {
		moved[i] = len(spans)
		if s.from < s.to {
			from := len(raw)
			raw = append(raw, c.raw[s.from:s.to]...)
			spans = append(spans, span{from, len(raw)})
		}
	}
	for name, i := range c.keys {
		c.keys[name] = moved[i]
	}
	c.raw, c.spans = raw, spans
}

// batch returns the events. They are in the collection's own memory, of which the
// publisher copies what it keeps. It is called once.
func (c *collection) batch() publish.Batch {
	for _, s := range c.spans {
		if s.from < s.to {
			c.messages = append(c.messages, c.raw[s.from:s.to:s.to])
		}
	}
	return publish.Batch{Messages: c.messages, Events: c.count, Size: c.size}
}

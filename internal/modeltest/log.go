package modeltest

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull/internal/broker"
)

// A record is everything that the log has delivered to anybody.
type record struct {
	t      testing.TB
	mu     sync.Mutex // guards what follows
	order  []string   // epochs, the oldest first
	epochs map[string]map[uint64]entry
	last   *end
	ends   map[uint64]bool // numbers of the events that end the test
}

// An end is the position of the last event.
type end struct {
	epoch  string
	offset uint64
}

// An entry is a message, parsed without the plugin's code.
type entry struct {
	name    string // node and number, or the key; a message that is there twice counts once
	kind    byte
	list    []string
	params  params
	saying  saying // of a message of a page
	command string
}

const kindRelay = 20

func (l *record) add(epoch string, offset uint64, raw []byte) {
	e := parseEntry(raw)
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.epochs[epoch] == nil {
		if l.epochs == nil {
			l.epochs = make(map[string]map[uint64]entry)
		}
		l.epochs[epoch] = make(map[uint64]entry)
		l.order = append(l.order, epoch)
	}
	if old, has := l.epochs[epoch][offset]; has && (old.name != e.name || old.params.Number != e.params.Number) {
		l.t.Errorf("%s.%d was %+v and is %+v", epoch, offset, old, e)
	}
	l.epochs[epoch][offset] = e
	if e.command == "end" {
		if l.ends == nil {
			l.ends = make(map[uint64]bool)
		}
		l.ends[e.params.Number] = true
	}
	if e.command == "end" && (l.last == nil || l.last.epoch != epoch || l.last.offset < offset) {
		l.last = &end{epoch, offset}
	}
}

// end returns the position of the last event that ends the test, or nil if fewer than
// sent of them are in the log yet.
func (l *record) end(sent int) *end {
	l.mu.Lock()
	defer l.mu.Unlock()

	if len(l.ends) < sent {
		return nil
	}
	return l.last
}

// Record returns a log that records what it delivers. Each node gets its log
// through it, so that the record has whatever a page can have.
func (w *World) Record(b broker.Broker) broker.Broker { return &recorder{b, &w.log} }

type recorder struct {
	broker.Broker
	log *record
}

// Subscribe implements [broker.Broker].
func (r *recorder) Subscribe(ctx context.Context, window time.Duration, deliver func(epoch string, offset uint64, message []byte)) error {
	return r.Broker.Subscribe(ctx, window, func(epoch string, offset uint64, message []byte) {
		r.log.add(epoch, offset, message)
		deliver(epoch, offset, message)
	})
}

// follow records World.Log. stop returns when the record has what the pages have.
func (w *World) follow() (stop func()) {
	if w.Log == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			_ = w.Log.Subscribe(ctx, time.Hour, w.log.add)
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}()
	return func() {
		for end := time.Now().Add(10 * time.Second); !w.log.covers(w.pages) && time.Now().Before(end); {
			<-time.After(10 * time.Millisecond)
		}
		cancel()
		<-ended
	}
}

// covers reports whether the record reaches as far as the pages have come.
func (l *record) covers(pages []*page) bool {
	l.mu.Lock()
	defer l.mu.Unlock()

	for _, p := range pages {
		if _, has := l.epochs[p.epoch][p.position]; !has && p.position > 0 {
			return false
		}
	}
	return true
}

func parseEntry(raw []byte) entry {
	e := entry{kind: raw[1], name: string(raw[2:18])}
	if e.kind == 1 || e.kind == kindRelay {
		e.name = keyOf(raw, e.name)
		var name string
		body := append([]byte("["), raw[bytes.Index(raw, []byte(`"tasks:`)):]...)
		if err := json.Unmarshal(body, &[]any{&name, &e.params}); err != nil {
			panic(fmt.Sprintf("%v: %s", err, body))
		}
		e.command = strings.TrimPrefix(name, "tasks:")
		if e.kind == kindRelay {
			_ = json.Unmarshal(body, &[]any{&name, &e.saying})
		}
		return e
	}
	rest := raw[27:]
	next := func() uint64 {
		n, size := binary.Uvarint(rest)
		rest = rest[size:]
		return n
	}
	for range next() {
		n := next()
		e.list = append(e.list, string(rest[:n]))
		rest = rest[n:]
	}
	return e
}

// keyOf returns the key of an event, or the name if it has none.
func keyOf(raw []byte, name string) string {
	const flags, header, series, key = 26, 27, 16, 16
	at := header
	if raw[flags]&2 != 0 {
		at += series
	}
	if raw[flags]&4 == 0 {
		return name
	}
	return "key " + string(raw[at:at+key])
}

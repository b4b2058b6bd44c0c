package pull_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"
)

// A modelLog is everything that the brokers have delivered.
type modelLog struct {
	mu     sync.Mutex // guards epochs
	epochs map[string]map[uint64]modelEntry
}

// A modelEntry is a message, parsed without the plugin's code.
type modelEntry struct {
	name    string // node and number; a message that is there twice counts once
	kind    byte
	list    []string
	params  modelParams
	command string
}

const sentinel = "sentinel "

// follow records the log of a node's broker.
func (w *world) follow(n *modelNode) {
	ctx, cancel := context.WithCancel(context.Background())
	n.record, n.caught = cancel, make(chan struct{})
	caught := sync.OnceFunc(func() { close(n.caught) })
	go func() {
		for ctx.Err() == nil {
			_ = n.Log().Subscribe(ctx, time.Hour, func(epoch string, offset uint64, raw []byte) {
				if bytes.HasPrefix(raw, []byte(sentinel)) {
					if string(raw[len(sentinel):]) == n.mark {
						caught()
					}
					return
				}
				e := parseEntry(raw)
				w.log.add(w.t, epoch, offset, e)
				if e.command == "end" {
					w.end.CompareAndSwap(0, offset)
				}
			})
		}
	}()
}

func (l *modelLog) add(t *testing.T, epoch string, offset uint64, e modelEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.epochs[epoch] == nil {
		l.epochs[epoch] = make(map[uint64]modelEntry)
	}
	if old, has := l.epochs[epoch][offset]; has && (old.name != e.name || old.params.Number != e.params.Number) {
		t.Errorf("%s.%d was %+v and is %+v", epoch, offset, old, e)
	}
	l.epochs[epoch][offset] = e
}

func parseEntry(raw []byte) modelEntry {
	e := modelEntry{kind: raw[1], name: string(raw[2:18])}
	if e.kind == 1 {
		var m struct {
			Command string      `json:"command"`
			Params  modelParams `json:"params"`
		}
		body := append([]byte("{"), raw[bytes.Index(raw, []byte(`"module_id":"tasks"`)):]...)
		if err := json.Unmarshal(body, &m); err != nil {
			panic(fmt.Sprintf("%v: %s", err, body))
		}
		e.params, e.command = m.Params, m.Command
		return e
	}
	rest := raw[26:]
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

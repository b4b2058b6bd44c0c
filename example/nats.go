package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/echo-pull/pull/natsbroker"
)

// A natsStore keeps the list as one value of a key-value bucket, so that it has one
// revision. A change and its event are two steps. If a node dies in between, pages
// notice that with the next change, by the revision that is missing.
type natsStore struct{ bucket jetstream.KeyValue }

const natsKey = "list"

func openNATS(url string) (engine, error) {
	conn, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err != nil {
		return engine{}, fmt.Errorf("connect to %s: %w", url, err)
	}
	return newNATSEngine(conn, func() error {
		conn.Close()
		return nil
	})
}

// openEmbedded starts a NATS server inside the process, for one node.
func openEmbedded(dir string) (engine, error) {
	server, err := natsbroker.Embedded(natsbroker.EmbeddedConfig{StoreDir: dir})
	if err != nil {
		return engine{}, err
	}
	return newNATSEngine(server.Conn(), server.Close)
}

func newNATSEngine(conn *nats.Conn, disconnect func() error) (engine, error) {
	broker, err := natsbroker.New(natsbroker.Config{Conn: conn, Create: true})
	if err != nil {
		return engine{}, errors.Join(err, disconnect())
	}
	end := func() error { return errors.Join(broker.Close(), disconnect()) }
	tasks, err := openBucket(conn)
	if err != nil {
		return engine{}, errors.Join(err, end())
	}
	return engine{log: broker, tasks: tasks, close: end}, nil
}

func openBucket(conn *nats.Conn) (natsStore, error) {
	js, err := jetstream.New(conn)
	if err != nil {
		return natsStore{}, err
	}
	bucket, err := js.CreateOrUpdateKeyValue(context.Background(), jetstream.KeyValueConfig{Bucket: "tasks"})
	return natsStore{bucket}, err
}

func (s natsStore) all(ctx context.Context) (list, error) {
	l, _, err := s.get(ctx)
	return l, err
}

// get returns the list, and the revision of its value in the bucket.
func (s natsStore) get(ctx context.Context) (list, uint64, error) {
	var l list
	entry, err := s.bucket.Get(ctx, natsKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return l, 0, nil
	}
	if err != nil {
		return l, 0, err
	}
	return l, entry.Revision(), json.Unmarshal(entry.Value(), &l)
}

func (s natsStore) add(ctx context.Context, t task, announce announcer) error {
	return s.change(ctx, adding(t), announce)
}

func (s natsStore) update(ctx context.Context, t task, announce announcer) error {
	return s.change(ctx, updating(t), announce)
}

func (s natsStore) remove(ctx context.Context, id string, announce announcer) error {
	return s.change(ctx, removing(id), announce)
}

// change replaces the list with an edited one. If another request has replaced it
// meanwhile, it begins again.
func (s natsStore) change(ctx context.Context, e edit, announce announcer) error {
	for {
		l, revision, err := s.get(ctx)
		if err != nil {
			return err
		}
		next, t, err := l.changed(e)
		if err != nil {
			return err
		}
		value, err := json.Marshal(next)
		if err != nil {
			return err
		}
		_, err = s.bucket.Update(ctx, natsKey, value, revision)
		if errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
			continue
		}
		if err != nil {
			return err
		}
		return announce(nil, t)
	}
}

package engines

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/echo-pull/pull/internal/modeltest"
	"github.com/echo-pull/pull/natsbroker"
)

// NATS is a NATS server in a process of its own that keeps the stream in files.
func NATS() Engine {
	e := Engine{Name: "nats", Nodes: 2, IsServer: true, Open: openNATS}
	e.Start = func(tb testing.TB, frozen func(*rand.Rand) time.Duration) *Server {
		tb.Helper()
		n := newNATSServer(tb)
		s := e.newServer(n.url())
		s.Restart = fault("restart", n.restart)
		s.Kill, s.Resume = n.kill, n.start
		s.Faults = []modeltest.Fault{
			s.Restart,
			fault("kill -9", n.kill, n.start),
			freeze(frozen, n.freeze, n.thaw),
			loss("deleted stream", func() error { return deleteStream(n.url()) }),
			loss("new store", n.kill, n.wipe, n.start),
		}
		return s
	}
	return e
}

// deleteStream deletes the log. It is for nodes that restart or recover to create
// another one.
func deleteStream(url string) error {
	conn, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = js.DeleteStream(ctx, "pull")
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil // deleted a moment ago, and no node has created another one yet
	}
	return err
}

func openNATS(url string) (Log, error) {
	b, err := natsbroker.New(natsbroker.Config{URL: url, Create: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return Log{}, err
	}
	return Log{b, b.Close}, nil
}

// EmbeddedNATS is a NATS server inside the process that keeps the stream in its
// memory.
func EmbeddedNATS() Engine {
	return Engine{Name: "nats embedded", Nodes: 1, Start: func(tb testing.TB, _ func(*rand.Rand) time.Duration) *Server {
		tb.Helper()
		server, err := natsbroker.Embedded(natsbroker.EmbeddedConfig{StoreDir: tb.TempDir(), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() {
			if err := server.Close(); err != nil {
				tb.Error(err)
			}
		})
		return &Server{Open: func() (Log, error) {
			b, err := natsbroker.New(natsbroker.Config{
				Conn: server.Conn(), Create: true, Memory: true, Logger: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				return Log{}, err
			}
			return Log{b, b.Close}, nil
		}}
	}}
}

package natsbroker_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/brokertest"
	"github.com/echo-pull/pull/natsbroker"
)

var quiet = slog.New(slog.DiscardHandler)

// embedded starts a server in this process.
func embedded(t testing.TB, config natsbroker.EmbeddedConfig) *natsbroker.Server {
	t.Helper()
	s, err := natsbroker.Embedded(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// embeddedThree starts a cluster in this process.
func embeddedThree(t testing.TB) ([]*natsbroker.Server, []natsbroker.EmbeddedConfig) {
	t.Helper()
	var peers []string
	for range 3 {
		peers = append(peers, fmt.Sprintf("127.0.0.1:%d", freePort(t)))
	}
	var servers []*natsbroker.Server
	var configs []natsbroker.EmbeddedConfig
	for _, address := range peers {
		config := natsbroker.EmbeddedConfig{StoreDir: t.TempDir(), Listen: address, Peers: peers, Secret: "secret", Logger: quiet}
		configs = append(configs, config)
		servers = append(servers, embedded(t, config))
	}
	return servers, configs
}

func embeddedBroker(t testing.TB, s *natsbroker.Server) *natsbroker.Broker {
	t.Helper()
	config := natsbroker.Config{Conn: s.Conn(), Create: true, Replicas: s.Nodes(), Logger: quiet}
	b, err := natsbroker.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEmbeddedBroker(t *testing.T) {
	t.Parallel()
	var dir string
	var s *natsbroker.Server
	start := func(t testing.TB) brokertest.Broker {
		s = embedded(t, natsbroker.EmbeddedConfig{StoreDir: dir})
		return embeddedBroker(t, s)
	}
	brokertest.Run(t, brokertest.Suite{
		Patience: time.Minute, // other tests keep the machine busy
		Open: func(t testing.TB) brokertest.Broker {
			dir = t.TempDir()
			return start(t)
		},
		Faults: brokertest.Faults{
			Restart: func(t testing.TB, _ brokertest.Broker) brokertest.Broker {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				return start(t)
			},
			Join: func(t testing.TB, _ brokertest.Broker) brokertest.Broker { return embeddedBroker(t, s) },
		},
	})
}

func TestTemporaryStoreIsRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := embedded(t, natsbroker.EmbeddedConfig{})
	publish(t, embeddedBroker(t, s), "works")

	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "pull-nats-*")); err != nil || len(left) > 0 {
		t.Errorf("got %v and %v, want no directory", left, err)
	}
}

// A server with another secret does not get into the cluster.
// Two servers in one directory would damage it, as in a deploy in which two
// processes overlap.
func TestStoreBelongsToOneProcess(t *testing.T) {
	config := natsbroker.EmbeddedConfig{StoreDir: t.TempDir()}
	first, err := natsbroker.Embedded(config)
	if err != nil {
		t.Fatal(err)
	}

	if second, err := natsbroker.Embedded(config); err == nil || !strings.Contains(err.Error(), "used by another process") {
		t.Errorf("got %v and %v, want an error", second, err)
	}

	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	third, err := natsbroker.Embedded(config)
	if err != nil {
		t.Fatalf("after the end of the first: %v", err)
	}
	if err := third.Close(); err != nil {
		t.Error(err)
	}
}

func TestStrangerStaysOutOfTheCluster(t *testing.T) {
	t.Parallel()
	servers, configs := embeddedThree(t)
	b := embeddedBroker(t, servers[0])
	publish(t, b, "private")
	if err := servers[2].Close(); err != nil {
		t.Fatal(err)
	}
	stranger := configs[2]
	stranger.Secret, stranger.StoreDir = "guess", t.TempDir()

	s := embedded(t, stranger)

	if _, err := natsbroker.New(natsbroker.Config{Conn: s.Conn()}); err == nil {
		t.Error("the stranger reads the log")
	}
	publish(t, b, "goes on")
	follow(t, b).sees(t, "goes on")
}

func TestEmbeddedConfigurationsThatCannotWorkAreErrors(t *testing.T) {
	t.Parallel()
	three := []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		config natsbroker.EmbeddedConfig
		want   string
	}{
		"peers only": {natsbroker.EmbeddedConfig{Peers: three}, "Listen"},
		"two nodes":  {natsbroker.EmbeddedConfig{Listen: three[0], Peers: three[:2], StoreDir: t.TempDir(), Secret: "x"}, "2 nodes"},
		"no store":   {natsbroker.EmbeddedConfig{Listen: three[0], Peers: three, Secret: "x"}, "StoreDir"},
		"no secret":  {natsbroker.EmbeddedConfig{Listen: three[0], Peers: three, StoreDir: t.TempDir()}, "Secret"},
		"no port":    {natsbroker.EmbeddedConfig{Listen: "here", Peers: three[1:], StoreDir: t.TempDir(), Secret: "x"}, "Listen"},
		"bad peer":   {natsbroker.EmbeddedConfig{Listen: three[0], Peers: []string{"a", three[1]}, StoreDir: t.TempDir(), Secret: "x"}, "Peers"},
		"payload":    {natsbroker.EmbeddedConfig{MaxPayload: 1}, "MaxPayload"},
		"store":      {natsbroker.EmbeddedConfig{StoreDir: file}, "directory"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := natsbroker.Embedded(test.config); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that names %q", err, test.want)
			}
		})
	}
}

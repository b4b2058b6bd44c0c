package redisbroker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/echo-pull/pull/internal/servertest"
	"github.com/echo-pull/pull/redisbroker"
)

// A link is the way on which a replica reaches its primary. It can be cut.
type link struct {
	listener net.Listener
	target   string // a socket
	running  sync.WaitGroup

	mu     sync.Mutex // guards what follows
	isCut  bool
	inside []net.Conn
}

func newLink(t testing.TB, target string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, target: target}
	l.running.Go(l.accept)
	t.Cleanup(func() { l.cut(); _ = listener.Close(); l.running.Wait() })
	return l
}

func (l *link) accept() {
	for {
		from, err := l.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("unix", l.target)
		if err != nil || !l.add(from, to) {
			_ = from.Close()
			continue
		}
		l.running.Go(func() { _, _ = io.Copy(to, from); _ = to.Close() })
		l.running.Go(func() { _, _ = io.Copy(from, to); _ = from.Close() })
	}
}

func (l *link) add(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.isCut {
		for _, c := range conns {
			_ = c.Close()
		}
		return false
	}
	l.inside = append(l.inside, conns...)
	return true
}

// cut ends the link: what the primary takes from now on does not reach the
// replica.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.isCut = true
	for _, c := range l.inside {
		_ = c.Close()
	}
}

// replica starts a replica of the server, and returns the link between them.
func (s *server) replica(t testing.TB) (*server, *link) {
	t.Helper()
	l := newLink(t, s.socket())
	r := newServer(t)
	r.do(t, []any{"REPLICAOF", "127.0.0.1", l.listener.Addr().(*net.TCPAddr).Port})
	return r, l
}

// caughtUp waits until a replica has as many messages.
func (s *server) caughtUp(t testing.TB, messages int64) {
	t.Helper()
	c := open(t, s.url())
	eventually(t, func() error {
		n, err := c.XLen(t.Context(), "{pull}:log").Result()
		if err == nil && n != messages {
			err = fmt.Errorf("the replica has %d messages, want %d", n, messages)
		}
		return err
	})
}

func (s *server) promote(t testing.TB) { t.Helper(); s.do(t, []any{"REPLICAOF", "NO", "ONE"}) }

// A primary is where clients connect, as a DNS name or a proxy leads them.
type primary struct{ atomic.Pointer[server] }

func (p *primary) client(t testing.TB) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", p.Load().socket())
	}})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// An asynchronous replica that is promoted misses the last messages. The nodes
// learn it at once, and no offset means two messages in one epoch.
func TestPromotedReplicaThatLaggedIsAnotherEpoch(t *testing.T) {
	t.Parallel()
	for name, filled := range map[string]bool{"behind": false, "filled": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var at primary
			at.Store(newServer(t))
			nodes := func(c *redisbroker.Config) { c.Client, c.URL = at.client(t), "" }
			a, other := newBroker(t, at.Load(), "pull", nodes), newBroker(t, at.Load(), "pull", nodes)
			publish(t, a, "1", "2")
			replica, replication := at.Load().replica(t)
			replica.caughtUp(t, 2)
			replication.cut()
			l, second := follow(t, a), follow(t, other)
			publish(t, a, "3")
			before := find(l.sees(t, "3"), "3")
			second.sees(t, "3")

			at.Load().kill(t)
			replica.promote(t)
			at.Store(replica)

			if filled {
				publish(t, newBroker(t, replica, "pull"), "new 3", "new 4", "new 5")
			}
			start := time.Now()
			publish(t, other, "end")
			if took := time.Since(start); took > longer {
				t.Errorf("the nodes needed %v to find the new primary", took)
			}
			for _, l := range []*tail{l, second} {
				if got := find(l.sees(t, "end"), "end"); got.epoch == before.epoch {
					t.Errorf("got %v, want another epoch than %v", got, before)
				}
				if _, failed, _ := l.state(); len(failed) == 0 {
					t.Error("no error was returned for the outage")
				}
			}
			entries := follow(t, newBroker(t, replica, "pull")).sees(t, "end")
			unbroken(t, entries)
			if find(entries, "3").message != "" || find(entries, "2").message == "" {
				t.Errorf("got %v, want 1, 2 and end", entries)
			}
		})
	}
}

// Nobody knows whether a replica that is promoted has everything. So it is a gap
// also for nodes that miss nothing.
func TestPromotedReplicaIsAnotherEpochForNewNodes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := newBroker(t, s, "pull")
	publish(t, b, "1")
	before := find(follow(t, b).sees(t, "1"), "1")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	replica, _ := s.replica(t)
	replica.caughtUp(t, 1)
	replica.promote(t)

	if got := find(follow(t, newBroker(t, replica, "pull")).sees(t, "1"), "1"); got.epoch == before.epoch {
		t.Errorf("got %v, want another epoch than %v", got, before)
	}
}

// While no server takes writes, the log is out of reach: a replica is not read.
func TestReplicaIsNotRead(t *testing.T) {
	t.Parallel()
	for name, readOnly := range map[string]string{"read-only": "yes", "writable": "no"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			b := newBroker(t, s, "pull")
			publish(t, b, "1")
			replica, _ := s.replica(t)
			replica.caughtUp(t, 1)
			replica.do(t, []any{"CONFIG", "SET", "replica-read-only", readOnly})
			other := newBroker(t, replica, "pull")

			l := follow(t, other)

			if _, err := l.fails(t, 1); !contains([]error{err}, "READONLY") {
				t.Errorf("got %v, want an error about a replica", err)
			}
			if err := other.Publish(t.Context(), []byte("2")); err == nil {
				t.Error("Publish returned nil on a replica")
			}
		})
	}
}

// A primary that becomes a replica below a running node is not read on.
func TestPrimaryThatIsDemotedIsNotReadOn(t *testing.T) {
	t.Parallel()
	s, next := newServer(t), newServer(t)
	b := newBroker(t, s, "pull")
	l := follow(t, b)
	publish(t, b, "1")
	l.sees(t, "1")
	way := newLink(t, next.socket())

	s.do(t, []any{"REPLICAOF", "127.0.0.1", way.listener.Addr().(*net.TCPAddr).Port})

	_, _ = l.fails(t, 1)
}

// The old primary goes on beside the new one. What it takes is another log's.
func TestMessagesOfAnOldPrimaryAreNoneOfTheNewOne(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	old := newBroker(t, s, "pull")
	publish(t, old, "1")
	replica, replication := s.replica(t)
	replica.caughtUp(t, 1)
	replication.cut()
	replica.promote(t)

	publish(t, old, "of the old")
	b := newBroker(t, replica, "pull")
	publish(t, b, "of the new")

	got := find(follow(t, b).sees(t, "of the new"), "of the new")
	other := find(follow(t, old).sees(t, "of the old"), "of the old")
	if got.offset != other.offset || got.epoch == other.epoch {
		t.Errorf("got %v and %v, want one offset in two epochs", got, other)
	}
}

// freePort returns a port that nobody listens at.
func freePort(t testing.TB) int {
	t.Helper()
	port, err := servertest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// newSentinels starts three sentinels that watch a primary, and returns their
// addresses.
func newSentinels(t testing.TB, port int) []string {
	t.Helper()
	var addresses []string
	for range 3 {
		dir, own := directory(t), freePort(t)
		config := fmt.Sprintf("port %d\ndir %s\nsentinel monitor main 127.0.0.1 %d 2\nsentinel down-after-milliseconds main 1000\n"+
			"sentinel failover-timeout main 10000\n", own, dir, port)
		file := filepath.Join(dir, "sentinel.conf")
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		ended, stdin := launch(t, dir, "redis-sentinel", file)
		t.Cleanup(func() { _ = stdin.Close(); <-ended })
		addresses = append(addresses, fmt.Sprintf("127.0.0.1:%d", own))
	}
	return addresses
}

// newPair starts a primary and its replica, at ports.
func newPair(t testing.TB) (first, second *server) {
	t.Helper()
	first = &server{dir: directory(t), port: freePort(t)}
	first.start(t)
	second = &server{dir: directory(t), port: freePort(t), options: []string{"--replicaof", "127.0.0.1 " + strconv.Itoa(first.port)}}
	second.start(t)
	return first, second
}

// ready returns an error while a sentinel does not know the others and the
// replica.
func ready(ctx context.Context, address string) error {
	c := redis.NewSentinelClient(&redis.Options{Addr: address})
	defer func() { _ = c.Close() }()
	state, err := c.Master(ctx, "main").Result()
	if err == nil && (state["num-other-sentinels"] != "2" || state["num-slaves"] != "1") {
		err = errors.New("the sentinels do not know one another")
	}
	return err
}

// Sentinel promotes the replica of a primary that is killed. The nodes follow it
// by themselves, and are told of a gap.
func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	first, second := newPair(t)
	sentinels := newSentinels(t, first.port)
	for _, address := range sentinels {
		eventually(t, func() error { return ready(t.Context(), address) })
	}
	nodes := func(c *redisbroker.Config) {
		client := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "main", SentinelAddrs: sentinels})
		t.Cleanup(func() { _ = client.Close() })
		c.Client, c.URL = client, ""
	}
	a, b := newBroker(t, first, "pull", nodes), newBroker(t, first, "pull", nodes)
	l, other := follow(t, a), follow(t, b)
	publish(t, a, "1")
	before := find(l.sees(t, "1"), "1")
	other.sees(t, "1")
	second.caughtUp(t, 1)

	first.kill(t)

	publish(t, b, "2")
	for _, l := range []*tail{l, other} {
		entries := l.sees(t, "2")
		if got := find(entries, "2"); got.epoch == before.epoch {
			t.Errorf("got %v, want another epoch than %v", got, before)
		}
	}
	if role, err := open(t, second.url()).Do(t.Context(), "ROLE").Slice(); err != nil || role[0] != "master" {
		t.Errorf("got role %v and %v, want the replica promoted", role, err)
	}
	publish(t, a, "3")
	other.sees(t, "3")
}

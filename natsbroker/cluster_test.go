package natsbroker_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/echo-pull/pull/natsbroker"
)

// replicated returns a node of a cluster of three.
func replicated(t testing.TB, servers []*server) *natsbroker.Broker {
	t.Helper()
	return newBroker(t, servers[0], "pull", func(c *natsbroker.Config) { c.URL, c.Replicas = urlOf(servers), 3 })
}

// leader returns the server that leads the stream.
func leader(t testing.TB, servers []*server) *server {
	t.Helper()
	js := operator(t, urlOf(servers))
	var name string
	eventually(t, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		stream, err := js.Stream(ctx, "pull")
		if err != nil {
			return err
		}
		if name = stream.CachedInfo().Cluster.Leader; name == "" {
			return errors.New("the stream has no leader")
		}
		return nil
	})
	for _, s := range servers {
		if s.settings.Name == name {
			return s
		}
	}
	t.Fatalf("the leader is %q", name)
	return nil
}

// whole waits until all replicas of the stream are there.
func whole(t testing.TB, servers []*server) {
	t.Helper()
	js := operator(t, urlOf(servers))
	eventually(t, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		stream, err := js.Stream(ctx, "pull")
		if err != nil {
			return err
		}
		replicas := stream.CachedInfo().Cluster.Replicas
		if len(replicas) != 2 {
			return errors.New("a replica is missing")
		}
		for _, r := range replicas {
			if r.Offline || !r.Current {
				return errors.New(r.Name + " is behind")
			}
		}
		return nil
	})
}

// A cluster of three that loses a server, whichever it is and in whatever way,
// loses no message, and keeps its epoch.
func TestClusterOutlivesAServer(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(t *testing.T, servers []*server){
		"leader killed": func(t *testing.T, servers []*server) {
			s := leader(t, servers)
			s.stop()
			leader(t, servers)
			s.start(t)
		},
		"leader frozen": func(t *testing.T, servers []*server) {
			s := leader(t, servers)
			s.freeze(t)
			defer s.thaw()
			var others []*server
			for _, other := range servers {
				if other != s {
					others = append(others, other)
				}
			}
			eventually(t, func() error {
				if leader(t, others) == s {
					return errors.New("the frozen server leads")
				}
				return nil
			})
		},
		"rolling restart": func(t *testing.T, servers []*server) {
			for _, s := range servers {
				s.restart(t)
				whole(t, servers)
			}
		},
		"majority killed": func(t *testing.T, servers []*server) {
			servers[0].stop()
			servers[1].stop()
			servers[0].start(t)
			leader(t, servers)
			servers[1].start(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servers := newCluster(t, 3)
			b, other := replicated(t, servers), replicated(t, servers)
			whole(t, servers)
			l, second := follow(t, b), follow(t, other)
			load := startLoad(t, b)
			l.sees(t, "20")

			fault(t, servers)

			l.sees(t, strconv.FormatInt(load.acked.Load()+20, 10))
			load.stop()
			publish(t, other, "end")
			load.complete(t, l.sees(t, "end"))
			load.complete(t, second.sees(t, "end"))
			_, failed, _ := l.state()
			if contains(failed, "lost messages") {
				t.Errorf("got errors %v, want none about a lost log", failed)
			}
			t.Logf("%d messages, errors of the subscription: %v", load.acked.Load(), failed)
		})
	}
}

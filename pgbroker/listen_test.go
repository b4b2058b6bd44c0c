package pgbroker_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/echo-pull/pull/pgbroker"
)

// A record is a logger's output, for several goroutines.
type record struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()

	return r.out.Write(p)
}

func (r *record) count(text string) int {
	r.mu.Lock()
	defer r.mu.Unlock()

	return strings.Count(r.out.String(), text)
}

// listeners waits until so many brokers listen, and returns their process ids.
func listeners(t testing.TB, s *server, want int) []int {
	t.Helper()
	var pids []int
	eventually(t, func() error {
		db := open(t, s.url())
		defer func() { _ = db.Close() }()
		rows, err := db.QueryContext(t.Context(), "SELECT pid FROM pg_stat_activity WHERE application_name = 'pull' AND query LIKE '%LISTEN %' ORDER BY 1")
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		pids = nil
		for rows.Next() {
			var pid int
			if err := rows.Scan(&pid); err != nil {
				return err
			}
			pids = append(pids, pid)
		}
		if len(pids) != want {
			return fmt.Errorf("%d listeners, want %d", len(pids), want)
		}
		return rows.Err()
	})
	return pids
}

func TestTerminatedListenerIsReplacedAndMissesNothing(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var logged record
	logger := func(c *pgbroker.Config) { c.Logger = slog.New(slog.NewTextHandler(&logged, nil)) }
	a, b := newBroker(t, s, "pull_"), newBroker(t, s, "pull_", logger)
	l := follow(t, b)
	before := listeners(t, s, 1)

	s.exec(t, fmt.Sprintf("SELECT pg_terminate_backend(%d)", before[0]))
	publish(t, a, "1")
	l.sees(t, "1")
	after := listeners(t, s, 1)
	publish(t, a, "2")

	unbroken(t, l.sees(t, "2"))
	if slices.Equal(before, after) {
		t.Error("the listener was not replaced")
	}
	if _, failed, _ := l.state(); len(failed) > 0 {
		t.Errorf("got errors %v, want none: the log is within reach", failed)
	}
	if n := logged.count("without notifications"); n != 1 {
		t.Errorf("the loss of notifications was logged %d times, want once:\n%s", n, logged.out.String())
	}
}

// Whatever becomes of the listener, nodes that publish all the time lose nothing.
func TestTerminatedListenersUnderLoadMissNothing(t *testing.T) {
	t.Parallel()
	const times = 5
	s := newServer(t)
	nodes := []*pgbroker.Broker{newBroker(t, s, "pull_"), newBroker(t, s, "pull_")}
	tails := []*tail{follow(t, nodes[0]), follow(t, nodes[1])}
	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for _, b := range nodes {
		load.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := b.Publish(context.Background(), fmt.Append(nil, n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range times {
		for _, pid := range listeners(t, s, len(nodes)) {
			s.exec(t, fmt.Sprintf("SELECT pg_terminate_backend(%d)", pid))
		}
	}
	cancel()
	load.Wait()
	publish(t, nodes[0], "end")

	first := tails[0].sees(t, "end")
	unbroken(t, first)
	if second := tails[1].sees(t, "end"); !slices.Equal(first, second) {
		t.Errorf("one node got %d messages and the other %d, want the same", len(first), len(second))
	}
	for _, l := range tails {
		if _, failed, _ := l.state(); len(failed) > 0 {
			t.Errorf("got errors %v, want none: the log is within reach", failed)
		}
	}
}

// A quiet listener stays: its silence is not taken for an outage, and the server
// does not end it where sessions must not idle.
func TestQuietListenerStays(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	b := newBroker(t, s, "pull_", func(c *pgbroker.Config) { c.URL += "&idle_session_timeout=1000" })
	follow(t, b)
	before := listeners(t, s, 1)
	db := open(t, s.url())
	start := time.Now()
	eventually(t, func() error { // three times the silence after which it asks
		if time.Since(start) < 15*time.Second {
			return errors.New("not yet")
		}
		return nil
	})

	if after := listeners(t, s, 1); !slices.Equal(before, after) {
		t.Errorf("got listener %v, want %v as before", after, before)
	}
	var age float64
	if err := db.QueryRowContext(t.Context(), "SELECT extract(epoch FROM now() - backend_start) FROM pg_stat_activity WHERE pid = $1", before[0]).Scan(&age); err != nil || age < 14 {
		t.Errorf("the listener is %.0f s old (%v), want 15", age, err)
	}
}

// bouncer starts PgBouncer in transaction mode in front of a server, and returns
// its URL.
func bouncer(t testing.TB, s *server) string {
	t.Helper()
	path := program(t, "pgbouncer")
	dir := directory(t)
	config := filepath.Join(dir, "ini")
	text := fmt.Sprintf("[databases]\npostgres = host=%s user=postgres\n[pgbouncer]\nlisten_addr=\nunix_socket_dir=%s\nauth_type=any\npool_mode=transaction\ndefault_pool_size=4\nlogfile=%s/log\npidfile=%s/pid\nignore_startup_parameters=extra_float_digits\n", s.dir, dir, dir, dir)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", `"$@" </dev/null & p=$!; read -r _; kill -INT $p; wait $p`, "sh", path, "-q", config)
	cmd.SysProcAttr = command(t, "pgbouncer").SysProcAttr
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	url := "postgres:///postgres?user=postgres&port=6432&host=" + dir
	eventually(t, func() error {
		db, err := sql.Open("pgx", url+"&default_query_exec_mode=simple_protocol")
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
		return db.PingContext(t.Context())
	})
	return url
}

// Behind PgBouncer in transaction mode the log works, with notifications if URL
// leads past it.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	pooled := bouncer(t, s)
	for name, test := range map[string]struct {
		mode, url string
		listens   int
		warning   string
	}{
		"simple, listening past it": {"simple_protocol", s.url(), 1, ""},
		"exec, polling":             {"exec", "", 0, ""},
		"listening through it":      {"simple_protocol", pooled, 0, "pooler"},
	} {
		t.Run(name, func(t *testing.T) {
			var logged record
			prefix := newPrefix()
			configure := func(c *pgbroker.Config) {
				c.DB, c.URL = open(t, pooled+"&default_query_exec_mode="+test.mode), test.url
				c.Logger = slog.New(slog.NewTextHandler(&logged, nil))
			}
			a, b := newBroker(t, s, prefix, configure), newBroker(t, s, prefix, configure)
			l := follow(t, b)
			var all sync.WaitGroup
			for _, node := range []*pgbroker.Broker{a, b} {
				all.Go(func() {
					for i := range 100 {
						if err := node.Publish(t.Context(), fmt.Append(nil, i), []byte{0, 0xff, '\\', '\'', 0}); err != nil {
							t.Error(err)
						}
					}
				})
			}
			all.Wait()
			publish(t, a, "end")

			entries := l.sees(t, "end")
			unbroken(t, entries)
			if len(entries) != 401 || entries[1].message != "\x00\xff\\'\x00" {
				t.Errorf("got %d messages, the second %q, want 401 unaltered ones", len(entries), entries[1].message)
			}
			listeners(t, s, test.listens)
			if test.warning != "" {
				eventually(t, func() error {
					if n := logged.count(test.warning); n != 1 {
						return fmt.Errorf("%d warnings, want one", n)
					}
					return nil
				})
			}
			l.stop()
		})
	}
}

// A URL that leads to another server is noticed: notifications do not arrive.
func TestURLOfAnotherServerIsNoticed(t *testing.T) {
	t.Parallel()
	s, other := newServer(t), shared(t)
	var logged record
	b := newBroker(t, s, "pull_", func(c *pgbroker.Config) {
		c.URL, c.Logger = other.url(), slog.New(slog.NewTextHandler(&logged, nil))
	})
	l := follow(t, b)

	eventually(t, func() error {
		if logged.count("notifications do not arrive") != 1 {
			return errors.New("no warning")
		}
		return nil
	})

	publish(t, newBroker(t, s, "pull_"), "polled")
	l.sees(t, "polled")
}

package pgbroker_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/echo-pull/pull/pgbroker"
)

func TestMissingTablesAreAnErrorWithTheSQL(t *testing.T) {
	t.Parallel()
	s, prefix := shared(t), newPrefix()
	config := pgbroker.Config{DB: open(t, s.url()), Prefix: prefix}

	_, err := pgbroker.New(config)

	if err == nil {
		t.Fatal("got nil, want an error")
	}
	_, script, found := strings.Cut(err.Error(), "\n\n")
	if !found || script != pgbroker.Schema(prefix) {
		t.Fatalf("got %v, want the SQL of Schema", err)
	}
	cmd := exec.Command(program(t, "psql"), "-v", "ON_ERROR_STOP=1", "-h", s.dir, "-U", "postgres", "-c", script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	b, err := pgbroker.New(config)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, b, "works")
	follow(t, b).sees(t, "works")
}

func TestTablesThatWouldMakeHolesAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ change, want string }{
		"unlogged":  {"ALTER TABLE pull_log SET UNLOGGED", "UNLOGGED"},
		"hidden":    {"ALTER TABLE pull_log ENABLE ROW LEVEL SECURITY", "ROW LEVEL SECURITY"},
		"rule":      {"CREATE RULE nothing AS ON INSERT TO pull_log DO INSTEAD NOTHING", "RULE"},
		"trigger":   {"CREATE TRIGGER mine BEFORE INSERT ON pull_log FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()", "TRIGGER (mine)"},
		"no key":    {"ALTER TABLE pull_log DROP CONSTRAINT pull_log_pkey", "PRIMARY KEY"},
		"other key": {`ALTER TABLE pull_log DROP CONSTRAINT pull_log_pkey, ADD PRIMARY KEY ("offset", at)`, "PRIMARY KEY"},
		"columns":   {"ALTER TABLE pull_log ALTER message TYPE text USING 'x'", "message text"},
		"view":      {"ALTER TABLE pull_log RENAME TO pull_log_other; CREATE VIEW pull_log AS SELECT 1 AS a", "not an ordinary table"},
		"no meta":   {"DROP TABLE pull_meta", "pull_meta is missing"},
		"functions": {"DROP FUNCTION pull_since", "pull_since is missing"},
		"version":   {"UPDATE pull_meta SET version = 2", "version 2"},
	} {
		t.Run(name, func(t *testing.T) {
			s, prefix := shared(t), newPrefix()
			newBroker(t, s, prefix)
			for change := range strings.SplitSeq(strings.ReplaceAll(test.change, "pull_", prefix), "; ") {
				s.exec(t, change)
			}

			create := !strings.HasSuffix(test.want, " is missing") // it would be created
			_, err := pgbroker.New(pgbroker.Config{DB: open(t, s.url()), Prefix: prefix, Create: create})

			if want := strings.ReplaceAll(test.want, "pull_", prefix); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want an error that names %q", err, want)
			}
		})
	}
}

func TestConfigurationsThatCannotWorkAreErrors(t *testing.T) {
	t.Parallel()
	s := shared(t)
	db, single := open(t, s.url()), open(t, s.url())
	single.SetMaxOpenConns(1)
	for name, test := range map[string]struct {
		config pgbroker.Config
		want   string
	}{
		"empty":         {pgbroker.Config{}, "DB or URL"},
		"prefix":        {pgbroker.Config{DB: db, Prefix: `x"; DROP TABLE y; --`}, "Prefix"},
		"long prefix":   {pgbroker.Config{DB: db, Prefix: strings.Repeat("x", 41)}, "Prefix"},
		"age":           {pgbroker.Config{DB: db, KeepAge: -time.Second}, "KeepAge"},
		"count":         {pgbroker.Config{DB: db, KeepCount: -1}, "KeepCount"},
		"url":           {pgbroker.Config{DB: db, URL: "postgres://%"}, "URL"},
		"pool":          {pgbroker.Config{DB: single}, "SetMaxOpenConns"},
		"out of reach":  {pgbroker.Config{URL: "postgres:///postgres?host=/nowhere"}, "connect"},
		"schema absent": {pgbroker.Config{DB: db, Prefix: "absent.pull_", Create: true}, "absent"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := pgbroker.New(test.config); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that names %q", err, test.want)
			}
		})
	}
}

// Nodes that start at the same time all want to create the tables. They wait for one another
// longer than the role allows other statements to wait.
func TestNodesCreateTheTablesTogether(t *testing.T) {
	t.Parallel()
	s := shared(t)
	s.exec(t, "DROP SCHEMA IF EXISTS events CASCADE")
	s.exec(t, "CREATE SCHEMA events")
	watching := open(t, s.url())
	slowest, err := watching.Begin()
	if err == nil {
		_, err = slowest.Exec("SELECT pg_advisory_xact_lock(1886743660, 0)")
	}
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 10)
	for range cap(failed) {
		db := open(t, s.url()+"&lock_timeout=10ms")
		go func() {
			_, err := pgbroker.New(pgbroker.Config{DB: db, Create: true, Prefix: "events.pull_"})
			failed <- err
		}()
	}
	eventually(t, func() error {
		var waiting int
		err := watching.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND query_start < clock_timestamp() - interval '100 ms'`).Scan(&waiting)
		if err == nil && waiting < cap(failed) {
			err = fmt.Errorf("%d nodes wait, want %d", waiting, cap(failed))
		}
		return err
	})
	if err := slowest.Rollback(); err != nil {
		t.Fatal(err)
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	b := newBroker(t, s, "events.pull_")
	publish(t, b, "works")
	follow(t, b).sees(t, "works")
}

// The pool belongs to the application.
func TestCloseLeavesTheAppsPoolOpen(t *testing.T) {
	t.Parallel()
	s := shared(t)
	db := open(t, s.url())
	b, err := pgbroker.New(pgbroker.Config{DB: db, Create: true, Prefix: newPrefix()})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.PingContext(t.Context()); err != nil {
		t.Errorf("the pool is closed: %v", err)
	}
}

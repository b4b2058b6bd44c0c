package sqlitebroker_test

import (
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/echo-pull/pull/brokertest"
	"github.com/echo-pull/pull/sqlitebroker"
)

// A node is a process with a broker: it has a pool of its own.
type node struct {
	*sqlitebroker.Broker
	db   *sql.DB
	file string
}

// patience is how long tests wait for others who write: nodes and applications get
// the lock in no order, and a disk may be slow.
const patience = 30 * time.Second

// openFile opens a file in the way in which applications usually do.
func openFile(t testing.TB, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)", file, patience.Milliseconds()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// newFile returns the name of a database that does not exist.
func newFile(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "app.db")
}

// start returns a node on a file.
func start(t testing.TB, file string, change func(*sqlitebroker.Config)) *node {
	t.Helper()
	c := sqlitebroker.Config{DB: openFile(t, file), Create: true, Busy: patience, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if change != nil {
		change(&c)
	}
	b, err := sqlitebroker.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return &node{b, c.DB, file}
}

// execute executes statements as another process does.
func execute(t testing.TB, file string, statements ...string) {
	t.Helper()
	db := openFile(t, file)
	defer func() { _ = db.Close() }()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := tx.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// lock takes the write lock of a file as another process does, until it is
// unlocked.
func lock(t testing.TB, file string) (unlock func()) {
	t.Helper()
	db := openFile(t, file)
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := db.Exec("ROLLBACK"); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	}
}

// copyFiles copies a database and what lies beside it, as a killed process leaves
// them. Nothing may move from one file to another meanwhile.
func copyFiles(t testing.TB, from, to string) {
	t.Helper()
	defer lock(t, from)()
	for _, suffix := range []string{"", "-wal", "-pull_witness"} {
		content, err := os.ReadFile(from + suffix)
		if err == nil {
			err = os.WriteFile(to+suffix, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func suite(change func(*sqlitebroker.Config)) brokertest.Suite {
	file := func(b brokertest.Broker) string { return b.(*node).file }
	freeze := func(t testing.TB, b brokertest.Broker) func() { return lock(t, file(b)) }
	return brokertest.Suite{
		Open:     func(t testing.TB) brokertest.Broker { return start(t, newFile(t), change) },
		Patience: time.Minute, // other tests keep the machine busy
		Break:    func(b brokertest.Broker) func() { return lock(quiet{}, file(b)) },
		Lose: func(b brokertest.Broker) {
			execute(quiet{}, file(b), "DELETE FROM pull_meta", "DELETE FROM pull_log")
		},
		Faults: brokertest.Faults{
			Join: func(t testing.TB, b brokertest.Broker) brokertest.Broker { return start(t, file(b), change) },
			Restart: func(t testing.TB, b brokertest.Broker) brokertest.Broker {
				if err := b.(*node).db.Close(); err != nil {
					t.Fatal(err)
				}
				return start(t, file(b), change)
			},
			Kill: func(t testing.TB, b brokertest.Broker) brokertest.Broker {
				found := newFile(t)
				copyFiles(t, file(b), found)
				return start(t, found, change)
			},
			Skew: func(t testing.TB, ahead time.Duration) brokertest.Broker {
				n := start(t, newFile(t), change)
				sqlitebroker.SetClock(n.Broker, ahead)
				return n
			},
			Freeze: freeze,
			Rewind: func(t testing.TB, b brokertest.Broker) func() {
				execute(t, file(b), "CREATE TABLE old_meta AS SELECT * FROM pull_meta", "CREATE TABLE old_log AS SELECT * FROM pull_log")
				return func() {
					execute(t, file(b), "DELETE FROM pull_meta", "DELETE FROM pull_log",
						"INSERT INTO pull_meta SELECT * FROM old_meta", "INSERT INTO pull_log SELECT * FROM old_log")
				}
			},
		},
	}
}

// quiet stands for a test where the suite has none to give.
type quiet struct{ testing.TB }

func (quiet) Helper()                   {}
func (quiet) Cleanup(func())            {}
func (quiet) Fatal(args ...any)         { panic(args) }
func (quiet) Fatalf(_ string, a ...any) { panic(a) }
func (quiet) Error(args ...any)         { panic(args) }

func TestPromises(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, suite(nil))
}

func TestPromisesOfFull(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, suite(func(c *sqlitebroker.Config) { c.Full = true }))
}

// Applications often give SQLite one connection.
func TestPromisesOnOneConnection(t *testing.T) {
	t.Parallel()
	brokertest.Run(t, suite(func(c *sqlitebroker.Config) { c.DB.SetMaxOpenConns(1) }))
}

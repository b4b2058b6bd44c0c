package sqlitebroker_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the driver

	"github.com/echo-pull/pull/brokertest"
	"github.com/echo-pull/pull/sqlitebroker"
)

// database opens a file in the way in which applications usually do.
func database(t testing.TB, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
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

// broker returns a broker on a database.
func broker(t testing.TB, c sqlitebroker.Config) *sqlitebroker.Broker {
	t.Helper()
	c.Create = true
	if c.OnError == nil {
		c.OnError = func(err error) { t.Log(err) }
	}
	b, err := sqlitebroker.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPromises(t *testing.T) {
	brokertest.Run(t, brokertest.Suite{
		Open: func(t testing.TB) brokertest.Broker {
			return broker(t, sqlitebroker.Config{DB: database(t, newFile(t))})
		},
	})
}

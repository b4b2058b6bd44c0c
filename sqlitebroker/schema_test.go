package sqlitebroker_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/echo-pull/pull/sqlitebroker"
)

func TestTablesAreCreatedOnlyOnRequest(t *testing.T) {
	db := openFile(t, newFile(t))

	_, err := sqlitebroker.New(sqlitebroker.Config{DB: db})

	if err == nil || !strings.Contains(err.Error(), sqlitebroker.Schema("")) {
		t.Fatalf("got %v, want an error with the SQL", err)
	}
	var tables int
	if err := db.QueryRow("SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil || tables > 0 {
		t.Errorf("got %d tables and %v, want none", tables, err)
	}
	for s := range strings.SplitSeq(sqlitebroker.Schema(""), ";\n") {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if _, err := sqlitebroker.New(sqlitebroker.Config{DB: db}); err != nil {
		t.Errorf("got %v after the SQL was executed, want nil", err)
	}
}

func TestTableOfAnotherKindIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		sql  string
		want string
	}{
		"column too many":  {`ALTER TABLE pull_log ADD COLUMN user TEXT`, "it has column user TEXT"},
		"column missing":   {`ALTER TABLE pull_meta DROP COLUMN boot`, "it has no column boot TEXT NOT NULL"},
		"other type":       {`DROP TABLE pull_log; CREATE TABLE pull_log ("offset" INTEGER PRIMARY KEY, at INTEGER NOT NULL, message TEXT NOT NULL) STRICT`, "it has no column message BLOB NOT NULL, it has column message TEXT NOT NULL"},
		"null":             {`DROP TABLE pull_log; CREATE TABLE pull_log ("offset" INTEGER PRIMARY KEY, at INTEGER, message BLOB NOT NULL) STRICT`, "it has column at INTEGER."},
		"default":          {`DROP TABLE pull_log; CREATE TABLE pull_log ("offset" INTEGER PRIMARY KEY, at INTEGER NOT NULL DEFAULT 7, message BLOB NOT NULL) STRICT`, "it has column at INTEGER NOT NULL DEFAULT 7"},
		"not strict":       {`DROP TABLE pull_log; CREATE TABLE pull_log ("offset" INTEGER PRIMARY KEY, at INTEGER NOT NULL, message BLOB NOT NULL)`, "it has a table, not STRICT"},
		"without rowid":    {`DROP TABLE pull_log; CREATE TABLE pull_log ("offset" INTEGER PRIMARY KEY, at INTEGER NOT NULL, message BLOB NOT NULL) STRICT, WITHOUT ROWID`, "WITHOUT ROWID"},
		"a view":           {`DROP TABLE pull_log; CREATE VIEW pull_log AS SELECT 1 AS "offset", 2 AS at, 3 AS message`, "it has a view"},
		"trigger":          {`CREATE TRIGGER trim AFTER INSERT ON pull_log BEGIN DELETE FROM pull_log; END`, "it has trigger trim"},
		"unique index":     {`CREATE UNIQUE INDEX once ON pull_log (message)`, "it has unique index once"},
		"newer version":    {`INSERT INTO pull_meta VALUES (1, 2, 'E', 1, 0, 0, '')`, "has format 2, want 1"},
		"rollback journal": {`PRAGMA journal_mode=DELETE`, "the journal mode is delete, want wal"},
	} {
		t.Run(name, func(t *testing.T) {
			db := openFile(t, newFile(t))
			for s := range strings.SplitSeq(sqlitebroker.Schema("")+c.sql, ";\n") {
				if _, err := db.Exec(s); err != nil {
					t.Fatalf("%s: %v", s, err)
				}
			}

			_, err := sqlitebroker.New(sqlitebroker.Config{DB: db, Create: name != "rollback journal"})

			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// What does not change the log is nobody's business.
func TestIndexOfTheOperatorIsAccepted(t *testing.T) {
	file := newFile(t)
	fill(t, start(t, file, nil), 0, 1)
	execute(t, file, "CREATE INDEX at ON pull_log (at)")

	fill(t, start(t, file, nil), 1, 2)
}

func TestUnusableConfigurationIsRefused(t *testing.T) {
	memory, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = memory.Close() })
	closed := openFile(t, newFile(t))
	_ = closed.Close()
	db := openFile(t, newFile(t))
	for name, c := range map[string]struct {
		config sqlitebroker.Config
		want   string
	}{
		"no database":    {sqlitebroker.Config{}, "DB is missing"},
		"in memory":      {sqlitebroker.Config{DB: memory, Create: true}, "in memory, want a file"},
		"closed":         {sqlitebroker.Config{DB: closed}, "database is closed"},
		"prefix":         {sqlitebroker.Config{DB: db, Prefix: "a; DROP TABLE b"}, "Prefix"},
		"long prefix":    {sqlitebroker.Config{DB: db, Prefix: strings.Repeat("x", 51)}, "Prefix"},
		"negative age":   {sqlitebroker.Config{DB: db, KeepAge: -1}, "negative"},
		"negative count": {sqlitebroker.Config{DB: db, KeepCount: -1}, "negative"},
		"negative wait":  {sqlitebroker.Config{DB: db, Busy: -1}, "negative"},
		"negative poll":  {sqlitebroker.Config{DB: db, Poll: -1}, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sqlitebroker.New(c.config)

			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "sqlitebroker: ") {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// Two logs in a file know nothing of one another.
func TestPrefixesSeparateLogs(t *testing.T) {
	file := newFile(t)
	a := start(t, file, nil)
	b := start(t, file, func(c *sqlitebroker.Config) { c.Prefix = "other_" })
	publish(t, a, "a", "a")
	publish(t, b, "b")

	log := readUntil(t, b, "b")

	if len(log) != 1 || newest(t, a) != 2 {
		t.Errorf("got %q, want b", log)
	}
}

// The database is the application's: it stays open, and its connections wait for
// the disk as before.
func TestDatabaseIsLeftAsItWas(t *testing.T) {
	for _, full := range []bool{false, true} {
		n := start(t, newFile(t), func(c *sqlitebroker.Config) {
			c.Full = full
			c.DB.SetMaxOpenConns(1)
			if _, err := c.DB.Exec("PRAGMA synchronous=EXTRA"); err != nil {
				t.Fatal(err)
			}
		})
		fill(t, n, 0, 10)

		var synchronous int
		if err := n.db.QueryRow("PRAGMA synchronous").Scan(&synchronous); err != nil || synchronous != 3 {
			t.Errorf("Full %v: got synchronous=%d and %v, want 3 as before", full, synchronous, err)
		}
	}
}

package e2e

import (
	"database/sql"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	natsserver "github.com/nats-io/nats-server/v2/server"
	_ "modernc.org/sqlite"

	"github.com/echo-pull/pull/internal/servertest"
)

// engines are those that several nodes of the example share. Each start returns the
// address for --broker.
var engines = []struct {
	name  string
	start func(*testing.T) string
}{
	{"PostgreSQL", func(t *testing.T) string { t.Helper(); return servertest.NewPostgres(t).URL() }},
	{"Redis", func(t *testing.T) string { t.Helper(); return servertest.NewRedis(t).URL() }},
	{"NATS", newNATS},
}

// newNATS starts a NATS server in this process and returns its URL.
func newNATS(t *testing.T) string {
	t.Helper()
	server, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() {
		server.Shutdown()
		server.WaitForShutdown()
	})
	if !server.ReadyForConnections(patience) {
		t.Fatal("the NATS server has not started")
	}
	return server.ClientURL()
}

// changes are all changes of the tasks that a database has committed, as triggers
// note them.
type changes struct{ db *sql.DB }

// noteChanges notes changes from now on. It returns nil if the address is not that
// of a database.
func noteChanges(t *testing.T, address string) *changes {
	t.Helper()
	scheme, file, _ := strings.Cut(address, ":")
	driver, source, triggers := "pgx", address, postgresTriggers
	switch scheme {
	case "postgres":
	case "sqlite":
		driver, source, triggers = "sqlite", "file:"+file+"?_pragma=busy_timeout(5000)", sqliteTriggers
	default:
		return nil
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for statement := range strings.SplitSeq(triggers, ";;") {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return &changes{db}
}

const postgresTriggers = `
CREATE TABLE changes (n BIGSERIAL PRIMARY KEY, command TEXT, id TEXT, title TEXT, done BOOLEAN);;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF TG_OP = 'DELETE' THEN
		INSERT INTO changes (command, id, title, done) VALUES ('delete', OLD.id, OLD.title, OLD.done);
	ELSE
		INSERT INTO changes (command, id, title, done) VALUES ('save', NEW.id, NEW.title, NEW.done);
	END IF;
	RETURN NULL;
END $$;;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON tasks FOR EACH ROW EXECUTE FUNCTION note()`

const sqliteTriggers = `
CREATE TABLE changes (n INTEGER PRIMARY KEY, command TEXT, id TEXT, title TEXT, done BOOLEAN);;
CREATE TRIGGER added AFTER INSERT ON tasks BEGIN
	INSERT INTO changes (command, id, title, done) VALUES ('save', NEW.id, NEW.title, NEW.done);
END;;
CREATE TRIGGER updated AFTER UPDATE ON tasks BEGIN
	INSERT INTO changes (command, id, title, done) VALUES ('save', NEW.id, NEW.title, NEW.done);
END;;
CREATE TRIGGER deleted AFTER DELETE ON tasks BEGIN
	INSERT INTO changes (command, id, title, done) VALUES ('delete', OLD.id, OLD.title, OLD.done);
END`

// committed returns the changes in the order of the tasks, and those of each task in
// the order in which they happened.
func (c *changes) committed(t *testing.T) []change {
	t.Helper()
	rows, err := c.db.QueryContext(t.Context(), `SELECT command, id, title, done FROM changes ORDER BY n`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var all []change
	for rows.Next() {
		var one change
		if err := rows.Scan(&one.Command, &one.ID, &one.Title, &one.Done); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return byTask(all)
}

// A change of a task, as its event has it.
type change struct {
	Command string `json:"command"`
	ID      string `json:"id"`
	Title   string `json:"title"`
	Done    bool   `json:"done"`
}

func byTask(all []change) []change {
	slices.SortStableFunc(all, func(a, b change) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// newSQLite returns the address of a new database.
func newSQLite(t *testing.T) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "tasks.db")
}

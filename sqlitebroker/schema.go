package sqlitebroker

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// format is the version of the tables.
const format = 1

// statements returns the SQL that creates the tables.
//
// The row of meta has the number of the next message, and when the last ones
// were published (at) and those before them (earlier), in Unix nanoseconds. boot
// is the run of the operating system whose failure may lose messages, empty if
// all are on the disk.
//
// The outbox has the messages of SendTx. number is that under which another log
// gets the message, and failed why it cannot be sent. The row of relay names the
// outbox, has the largest number, and who moves messages, until when.
func statements(prefix string) [4]string {
	return [4]string{
		`CREATE TABLE ` + prefix + `meta (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	format INTEGER NOT NULL,
	epoch TEXT NOT NULL,
	next INTEGER NOT NULL,
	at INTEGER NOT NULL,
	earlier INTEGER NOT NULL,
	boot TEXT NOT NULL
) STRICT`,
		`CREATE TABLE ` + prefix + `log (
	"offset" INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	message BLOB NOT NULL
) STRICT`,
		`CREATE TABLE ` + prefix + `outbox (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	at INTEGER NOT NULL,
	key TEXT,
	message BLOB NOT NULL,
	number INTEGER,
	failed TEXT
) STRICT`,
		`CREATE TABLE ` + prefix + `relay (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	source TEXT NOT NULL,
	number INTEGER NOT NULL,
	holder TEXT NOT NULL,
	until INTEGER NOT NULL
) STRICT`,
	}
}

// indexes returns the SQL that creates the indexes.
func indexes(prefix string) [3]string {
	return [3]string{
		`CREATE INDEX IF NOT EXISTS ` + prefix + `outbox_key ON ` + prefix + `outbox (key) WHERE key IS NOT NULL`,
		`CREATE INDEX IF NOT EXISTS ` + prefix + `outbox_number ON ` + prefix + `outbox (number) WHERE number IS NOT NULL`,
		`CREATE INDEX IF NOT EXISTS ` + prefix + `outbox_waiting ON ` + prefix + `outbox (id) WHERE number IS NULL AND failed IS NULL`,
	}
}

// Schema returns the SQL that Config.Create executes, for an application that
// creates its tables by migrations. An empty prefix means the default.
func Schema(prefix string) string {
	prefix = cmp.Or(prefix, defaultPrefix)
	tables, indexes := statements(prefix), indexes(prefix)
	return "PRAGMA journal_mode=WAL;\n" + strings.Join(slices.Concat(tables[:], indexes[:]), ";\n") + ";\n"
}

// setUp checks the journal mode and the tables, and creates what is missing.
func (b *Broker) setUp(ctx context.Context) error {
	if err := b.setUpJournal(ctx); err != nil {
		return err
	}
	created := false
	for i, name := range []string{"meta", "log", "outbox", "relay"} {
		missing, err := b.setUpTable(ctx, b.config.Prefix+name, statements(b.config.Prefix)[i])
		if err != nil {
			return err
		}
		created = created || missing
	}
	if !created {
		return nil
	}
	for _, statement := range indexes(b.config.Prefix) {
		if _, err := b.config.DB.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("create an index: %w", err)
		}
	}
	return nil
}

// setUpTable checks a table, or creates it, and reports whether it was missing.
func (b *Broker) setUpTable(ctx context.Context, name, statement string) (missing bool, err error) {
	have, err := describe(ctx, b.config.DB, name)
	switch {
	case err != nil:
		return false, fmt.Errorf("read the schema: %w", err)
	case len(have) > 0:
		return false, compare(name, have, statement)
	case !b.config.Create:
		return true, b.missing("the table " + name + " is missing")
	}
	statement = strings.Replace(statement, "CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)
	if _, err := b.config.DB.ExecContext(ctx, statement); err != nil {
		return true, fmt.Errorf("create the table %s: %w", name, err)
	}
	return true, nil
}

func (b *Broker) missing(what string) error {
	return fmt.Errorf("%s. Set Config.Create, or execute:\n%s", what, Schema(b.config.Prefix))
}

func (b *Broker) setUpJournal(ctx context.Context) error {
	var mode string
	if err := b.config.DB.QueryRowContext(ctx, `PRAGMA journal_mode`).Scan(&mode); err != nil {
		return fmt.Errorf("read the journal mode: %w", err)
	}
	switch {
	case mode == "wal":
		return nil
	case !b.config.Create:
		return b.missing("the journal mode is " + mode + ", want wal")
	}
	if err := b.config.DB.QueryRowContext(ctx, `PRAGMA journal_mode=WAL`).Scan(&mode); err != nil {
		return fmt.Errorf("set the journal mode: %w", err)
	}
	if mode != "wal" {
		return errors.New("the journal mode stays " + mode + ", want wal: the file must be on a local disk")
	}
	return nil
}

// describe returns what makes up a table, one property an element; nothing if
// there is no such table.
func describe(ctx context.Context, db *sql.DB, table string) ([]string, error) {
	return list(ctx, db, `
SELECT 'a ' || type || CASE strict WHEN 1 THEN ', STRICT' ELSE ', not STRICT' END
	|| CASE wr WHEN 1 THEN ', WITHOUT ROWID' ELSE '' END
	FROM pragma_table_list WHERE schema = 'main' AND name = ?1
UNION ALL SELECT * FROM (SELECT 'column ' || name || ' ' || type
	|| CASE WHEN "notnull" THEN ' NOT NULL' ELSE '' END
	|| CASE WHEN pk THEN ' PRIMARY KEY' ELSE '' END
	|| CASE WHEN dflt_value IS NULL THEN '' ELSE ' DEFAULT ' || dflt_value END
	|| CASE hidden WHEN 0 THEN '' ELSE ' GENERATED' END
	FROM pragma_table_xinfo(?1) ORDER BY cid)
UNION ALL SELECT 'trigger ' || name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1
UNION ALL SELECT 'unique index ' || name FROM pragma_index_list(?1) WHERE "unique"`, table)
}

func list(ctx context.Context, db *sql.DB, query string, args ...any) (all []string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// expect returns what describe returns for a table that a statement has created.
func expect(statement string) []string {
	properties := []string{"a table, STRICT"}
	for line := range strings.Lines(statement) {
		column, isColumn := strings.CutPrefix(strings.TrimRight(line, ",\n"), "\t")
		if !isColumn {
			continue
		}
		column, _, _ = strings.Cut(column, " CHECK")
		column, _, _ = strings.Cut(column, " AUTOINCREMENT")
		properties = append(properties, "column "+strings.ReplaceAll(column, `"`, ""))
	}
	return properties
}

// compare returns how a table differs from the one that a statement creates.
func compare(table string, have []string, statement string) error {
	want := expect(statement)
	var differences []string
	for _, property := range want {
		if !slices.Contains(have, property) {
			differences = append(differences, "has no "+property)
		}
	}
	for _, property := range have {
		if !slices.Contains(want, property) {
			differences = append(differences, "has "+property)
		}
	}
	if len(differences) == 0 {
		return nil
	}
	return fmt.Errorf("the table %s is not one of this broker: it %s. Choose another Config.Prefix, or make it:\n%s",
		table, strings.Join(differences, ", it "), statement)
}

// queries are the prepared statements.
type queries struct {
	take, insert, insertMany, state, at, renew, mark, settle, begin, clear, read, start, trim *sql.Stmt

	waiting, remove, fail, claim, others, number, numbered, count, release *sql.Stmt // of the outbox
}

// many is how many messages insertMany inserts.
const many = 32

func (b *Broker) prepare(ctx context.Context) error {
	q, meta, log, outbox, relay := &b.queries, b.config.Prefix+"meta", b.config.Prefix+"log", b.config.Prefix+"outbox", b.config.Prefix+"relay"
	insert := `INSERT INTO ` + log + ` ("offset", at, message) VALUES (?, ?, ?)`
	for _, p := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&q.take, `UPDATE ` + meta + ` SET next = next + ?1, earlier = at, at = ?2 WHERE id = 1
			RETURNING format, epoch, next - ?1, earlier, boot`},
		{&q.insert, insert},
		{&q.insertMany, insert + strings.Repeat(`, (?, ?, ?)`, many-1)},
		{&q.state, `UPDATE ` + meta + ` SET id = 1 WHERE id = 1 RETURNING format, epoch, next, at, boot,
			(SELECT coalesce(max("offset"), 0) FROM ` + log + `)`},
		{&q.at, `SELECT at FROM ` + log + ` WHERE "offset" = ?`},
		{&q.renew, `UPDATE ` + meta + ` SET epoch = ?, next = ?, at = ?, boot = ? WHERE id = 1`},
		{&q.mark, `UPDATE ` + meta + ` SET boot = ? WHERE id = 1 AND boot = ''`},
		{&q.settle, `UPDATE ` + meta + ` SET boot = '' WHERE id = 1 AND boot = ?`},
		{&q.begin, `INSERT INTO ` + meta + ` (id, format, epoch, next, at, earlier, boot)
			SELECT 1, ?, '', coalesce(max("offset"), 0) + 1, 0, 0, '' FROM ` + log},
		{&q.clear, `DELETE FROM ` + log},
		{&q.read, `SELECT m.epoch, m.next, l."offset", l.at, CASE WHEN l."offset" > ?1 THEN l.message END
			FROM ` + meta + ` m LEFT JOIN ` + log + ` l ON l."offset" >= ?1 WHERE m.id = 1 ORDER BY l."offset" LIMIT ?2`},
		{&q.start, `SELECT epoch, next, at, (SELECT "offset" FROM ` + log + ` WHERE at >= ? AND "offset" > 0 ORDER BY "offset" LIMIT 1)
			FROM ` + meta + ` WHERE id = 1`},
		{&q.trim, `DELETE FROM ` + log + ` WHERE "offset" <= (
			SELECT max("offset") FROM (
				SELECT "offset", at, sum(size) OVER (ORDER BY "offset" ROWS UNBOUNDED PRECEDING) - size AS before
				FROM (SELECT "offset", at, length(message) AS size FROM ` + log + ` ORDER BY "offset" LIMIT ?3))
			WHERE before < ?4 AND (at < ?1 OR "offset" < (SELECT next FROM ` + meta + ` WHERE id = 1) - ?2)
				AND "offset" < (SELECT next FROM ` + meta + ` WHERE id = 1) - 1)`},
		{&q.waiting, `SELECT * FROM (SELECT id, at, message FROM ` + outbox + ` WHERE number IS NOT NULL ORDER BY number LIMIT ?1)
			UNION ALL SELECT * FROM (SELECT id, at, message FROM ` + outbox + ` WHERE number IS NULL AND failed IS NULL
				AND NOT EXISTS (SELECT 1 FROM ` + outbox + ` WHERE number IS NOT NULL) ORDER BY id LIMIT ?1)`},
		{&q.remove, `DELETE FROM ` + outbox + ` WHERE id IN (SELECT value FROM json_each(?)) RETURNING id, message`},
		{&q.fail, `UPDATE ` + outbox + ` SET failed = ?, number = NULL WHERE id = ?`},
		{&q.claim, `INSERT INTO ` + relay + ` (id, source, number, holder, until) VALUES (1, ?1, 0, ?1, ?3)
			ON CONFLICT (id) DO UPDATE SET holder = ?1, until = ?3 WHERE holder = ?1 OR until NOT BETWEEN ?2 AND ?3 RETURNING source, number`},
		{&q.others, `SELECT EXISTS (SELECT 1 FROM ` + outbox + ` WHERE number IS NOT NULL AND id NOT IN (SELECT value FROM json_each(?)))`},
		{&q.number, `UPDATE ` + outbox + ` SET number = ? WHERE id = ? AND number IS NULL AND failed IS NULL`},
		{&q.numbered, `SELECT id, number, message FROM ` + outbox + ` WHERE number IS NOT NULL AND id IN (SELECT value FROM json_each(?)) ORDER BY number`},
		{&q.count, `UPDATE ` + relay + ` SET number = ?`},
		{&q.release, `UPDATE ` + relay + ` SET until = 0 WHERE holder = ?`},
	} {
		var err error
		if *p.to, err = b.config.DB.PrepareContext(ctx, p.sql); err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
	}
	return nil
}

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
func statements(prefix string) [2]string {
	return [2]string{
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
	}
}

// Schema returns the SQL that Config.Create executes, for an application that
// creates its tables by migrations. An empty prefix means the default.
func Schema(prefix string) string {
	s := statements(cmp.Or(prefix, defaultPrefix))
	return "PRAGMA journal_mode=WAL;\n" + s[0] + ";\n" + s[1] + ";\n"
}

// setUp checks the journal mode and the tables, and creates what is missing.
func (b *Broker) setUp(ctx context.Context) error {
	if err := b.setUpJournal(ctx); err != nil {
		return err
	}
	for i, name := range []string{"meta", "log"} {
		if err := b.setUpTable(ctx, b.config.Prefix+name, statements(b.config.Prefix)[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *Broker) setUpTable(ctx context.Context, name, statement string) error {
	have, err := describe(ctx, b.config.DB, name)
	switch {
	case err != nil:
		return fmt.Errorf("read the schema: %w", err)
	case len(have) > 0:
		return compare(name, have, statement)
	case !b.config.Create:
		return b.missing("the table " + name + " is missing")
	}
	statement = strings.Replace(statement, "CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)
	if _, err := b.config.DB.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("create the table %s: %w", name, err)
	}
	return nil
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
}

// many is how many messages insertMany inserts.
const many = 32

func (b *Broker) prepare(ctx context.Context) error {
	q, meta, log := &b.queries, b.config.Prefix+"meta", b.config.Prefix+"log"
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
	} {
		var err error
		if *p.to, err = b.config.DB.PrepareContext(ctx, p.sql); err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
	}
	return nil
}

package pgbroker

import "strings"

// What one read takes at most, unless one message has more bytes.
const (
	batchMessages = "512"
	batchBytes    = "1048576"
)

// texts are the statements, with the names of the configuration.
type texts struct {
	inspect, version           string
	publish, since, read, trim string
	renew, notify, channel     string

	outbox, insert, replace, waiting, fail, move, number, remove, release string // of the outbox
}

func statements(prefix string) texts {
	name := strings.NewReplacer("pull_", prefix, "{messages}", batchMessages, "{bytes}", batchBytes)
	return texts{
		inspect: name.Replace(inspectSQL),
		version: name.Replace(`SELECT version FROM pull_meta`),
		publish: name.Replace(`SELECT log_epoch, log_last, log_mark FROM pull_publish($1::bytea, $2::text::integer[], $3::text::integer[], $4::text, $5::bigint, $6::bigint)`),
		since:   name.Replace(`SELECT pull_since($1::bigint * interval '1 microsecond')`),
		read:    name.Replace(readSQL),
		trim:    name.Replace(`SELECT pull_trim($1::bigint * interval '1 microsecond', $2::bigint, $3::bigint)`),
		renew:   name.Replace(`SELECT pull_renew($1::text)`),
		notify:  `SELECT pg_notify($1::text, $2::text)`,
		outbox:  name.Replace(outboxSQL),
		waiting: name.Replace(waitingSQL),
		fail: name.Replace(`UPDATE pull_outbox SET failed = $2::text, number = NULL WHERE id IN (
			SELECT id FROM pull_outbox WHERE id = ANY ($1::text::bigint[]) FOR UPDATE SKIP LOCKED)`),
		move:    name.Replace(`SELECT log_epoch, log_last, log_mark FROM pull_move($1::text::bigint[], $2::text, $3::bigint, $4::bigint)`),
		number:  name.Replace(`SELECT outbox, message_id, message_number, content FROM pull_number($1::text::bigint[], $2::text, $3::bigint * interval '1 microsecond')`),
		remove:  name.Replace(`DELETE FROM pull_outbox WHERE id = ANY ($1::text::bigint[])`),
		release: name.Replace(`UPDATE pull_relay SET until = '-infinity' WHERE holder = $1::text`),
		channel: strings.ReplaceAll(prefix, ".", "_") + "log",
	}
}

// insertInto sets the statements of SendTx. They name the schema, because the
// search_path of an application's transaction may be another one.
func (t *texts) insertInto(table string) {
	t.insert = `INSERT INTO ` + table + ` (message) VALUES ($1::bytea)`
	t.replace = `WITH gone AS (DELETE FROM ` + table + ` WHERE key = $2::text AND number IS NULL)
		INSERT INTO ` + table + ` (message, key) VALUES ($1::bytea, $2::text)`
}

// outboxSQL returns the name of the outbox, with its schema.
const outboxSQL = `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass('pull_outbox')`

// inspectSQL returns one row if the log is there, with what is wrong with it.
const inspectSQL = `
SELECT CASE
	WHEN c.relkind <> 'r' THEN 'it is not an ordinary table (relkind ' || c.relkind::text || ')'
	WHEN c.relpersistence = 'u' THEN 'it is UNLOGGED, so a crash empties it'
	WHEN c.relpersistence = 't' THEN 'it is TEMPORARY'
	WHEN c.relrowsecurity THEN 'ROW LEVEL SECURITY is enabled, which can hide messages'
	WHEN c.relhasrules THEN 'it has a RULE, which can drop messages'
	WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
		THEN 'it has a TRIGGER (' || (SELECT min(t.tgname::text) FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) || '), which can drop messages'
	WHEN a.columns IS DISTINCT FROM 'at timestamp with time zone, message bytea, offset bigint'
		THEN 'its columns are ' || coalesce(a.columns, 'none') || ', want at timestamp with time zone, message bytea, offset bigint'
	WHEN NOT EXISTS (SELECT FROM pg_index i JOIN pg_attribute o ON o.attrelid = c.oid AND o.attnum = i.indkey[0]
		WHERE i.indrelid = c.oid AND i.indisprimary AND i.indisvalid AND i.indnkeyatts = 1 AND o.attname = 'offset')
		THEN 'its PRIMARY KEY is not "offset", so two messages could have one'
	WHEN to_regclass('pull_meta') IS NULL THEN 'the table pull_meta is missing'
	WHEN to_regprocedure('pull_publish(bytea,integer[],integer[],text,bigint,bigint)') IS NULL THEN 'the function pull_publish is missing'
	WHEN to_regclass('pull_outbox') IS NULL THEN 'the table pull_outbox is missing'
	WHEN (SELECT relpersistence FROM pg_class WHERE oid = to_regclass('pull_outbox')) <> 'p' THEN 'the table pull_outbox is UNLOGGED or TEMPORARY, so events can be lost'
	WHEN (SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass('pull_outbox')) THEN 'ROW LEVEL SECURITY is enabled for pull_outbox, which can hide events'
	WHEN to_regclass('pull_relay') IS NULL THEN 'the table pull_relay is missing'
	WHEN to_regprocedure('pull_head(text,bigint,bigint)') IS NULL THEN 'the function pull_head is missing'
	WHEN to_regprocedure('pull_move(bigint[],text,bigint,bigint)') IS NULL THEN 'the function pull_move is missing'
	WHEN to_regprocedure('pull_waiting(integer,integer,bigint)') IS NULL THEN 'the function pull_waiting is missing'
	WHEN to_regprocedure('pull_number(bigint[],text,interval)') IS NULL THEN 'the function pull_number is missing'
	WHEN to_regprocedure('pull_epoch()') IS NULL THEN 'the function pull_epoch is missing'
	WHEN to_regprocedure('pull_since(interval)') IS NULL THEN 'the function pull_since is missing'
	WHEN to_regprocedure('pull_trim(interval,bigint,bigint)') IS NULL THEN 'the function pull_trim is missing'
	WHEN to_regprocedure('pull_renew(text)') IS NULL THEN 'the function pull_renew is missing'
END
FROM pg_class c
LEFT JOIN LATERAL (
	SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attname COLLATE "C") AS columns
	FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
) AS a ON true
WHERE c.oid = to_regclass('pull_log')`

// readSQL returns the messages after an offset, and one row, with offset 0,
// about the log: its epoch, its last offset, the marks of the messages at two
// offsets, and the size of the messages that come with it. All of it is of one
// snapshot. Without an order of its own, the server need not sort it. A role may
// have another bytea_output, which drivers cannot read in text.
const readSQL = `
WITH fresh AS MATERIALIZED (
	SELECT "offset", at, message FROM (
		SELECT "offset", at, message, sum(octet_length(message)) OVER (ORDER BY "offset") - octet_length(message) AS ahead
		FROM (SELECT "offset", at, message FROM pull_log WHERE "offset" > $1::bigint ORDER BY "offset" LIMIT {messages}) AS few
	) AS summed WHERE ahead < {bytes}
)
SELECT 0::bigint AS "offset", 0::bigint AS mark, NULL::bytea AS message,
	pull_epoch() AS epoch,
	coalesce((SELECT "offset" FROM pull_log ORDER BY "offset" DESC LIMIT 1), 0) AS last,
	coalesce((SELECT (extract(epoch FROM at) * 1000000)::bigint FROM pull_log WHERE "offset" = $1::bigint), 0) AS own,
	coalesce((SELECT (extract(epoch FROM at) * 1000000)::bigint FROM pull_log WHERE "offset" = $2::bigint), 0) AS known,
	coalesce((SELECT sum(octet_length(message)) FROM fresh), 0)::bigint AS size
WHERE set_config('bytea_output', 'hex', true) IS NOT NULL
UNION ALL
SELECT "offset", (extract(epoch FROM at) * 1000000)::bigint, message, NULL, 0, 0, 0, 0 FROM fresh`

// waitingSQL returns the messages that are to be moved next, and how long they
// have been in the outbox, in microseconds. Like readSQL, it sets bytea_output.
const waitingSQL = `
SELECT message_id, waits, content FROM pull_waiting({messages}, {bytes}, $1::bigint), (SELECT set_config('bytea_output', 'hex', true)) AS hex`

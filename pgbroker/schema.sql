-- What pgbroker needs. pull_ is Config.Prefix.

CREATE TABLE IF NOT EXISTS pull_meta (
	one        boolean PRIMARY KEY DEFAULT true CHECK (one),
	version    integer NOT NULL, -- of this schema
	generation text    NOT NULL, -- names the log, together with the server's history
	trimmed    bigint  NOT NULL DEFAULT 0 -- all messages up to this offset are deleted
);

CREATE TABLE IF NOT EXISTS pull_log (
	"offset" bigint      PRIMARY KEY,
	at       timestamptz NOT NULL,
	message  bytea       NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

ALTER TABLE pull_log ALTER COLUMN message SET STORAGE EXTERNAL;

INSERT INTO pull_meta (version, generation) VALUES (1, gen_random_uuid()::text) ON CONFLICT DO NOTHING;

-- The events of SendTx. number is that under which another log gets a message, and failed is why it cannot be sent.
CREATE TABLE IF NOT EXISTS pull_outbox (
	id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at      timestamptz NOT NULL DEFAULT clock_timestamp(),
	key     text,
	message bytea       NOT NULL,
	number  bigint,
	failed  text
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

ALTER TABLE pull_outbox ALTER COLUMN message SET STORAGE EXTERNAL;

CREATE INDEX IF NOT EXISTS {bare}outbox_key ON pull_outbox (key) WHERE key IS NOT NULL;

CREATE INDEX IF NOT EXISTS {bare}outbox_number ON pull_outbox (number) WHERE number IS NOT NULL;

CREATE INDEX IF NOT EXISTS {bare}outbox_waiting ON pull_outbox (id) WHERE number IS NULL AND failed IS NULL;

-- What is needed to move events into another log: the name of the outbox, the largest number, and which node is doing
-- it, until when.
CREATE TABLE IF NOT EXISTS pull_relay (
	one    boolean     PRIMARY KEY DEFAULT true CHECK (one),
	source text        NOT NULL DEFAULT gen_random_uuid()::text,
	number bigint      NOT NULL DEFAULT 0,
	holder text        NOT NULL DEFAULT '',
	until  timestamptz NOT NULL DEFAULT '-infinity'
);

-- pull_epoch names the log. The timeline changes when a standby is promoted or a backup is restored to a point in
-- time, the system identifier when the data moves to another cluster. It fails on a standby.
CREATE OR REPLACE FUNCTION pull_epoch() RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN -- in PL/pgSQL, which keeps the plan
	RETURN (SELECT left(encode(sha256(convert_to(concat_ws(' ', generation,
		(SELECT system_identifier FROM pg_control_system()),
		left(pg_walfile_name(pg_current_wal_lsn()), 8)), 'UTF8')), 'hex'), 16)
	FROM pull_meta);
END $$;

-- pull_since returns the offset before the first message that is not older than an age. It looks at few rows: where
-- messages were deleted, a scan would read what vacuum has not removed yet.
CREATE OR REPLACE FUNCTION pull_since(age interval) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
	oldest timestamptz := clock_timestamp() - age;
	high   bigint;
	low    bigint;
	middle bigint;
	step   bigint := 1;
BEGIN
	SELECT "offset" INTO low FROM pull_log ORDER BY "offset" DESC LIMIT 1;
	IF low IS NULL THEN
		RETURN 0;
	END IF;
	high := low + 1;
	WHILE low > 0 AND EXISTS (SELECT FROM pull_log WHERE "offset" = low AND at >= oldest) LOOP
		high := low;
		low := low - step;
		step := 2 * step;
	END LOOP;
	low := greatest(low, 0);
	WHILE high - low > 1 LOOP
		middle := (high + low) / 2;
		IF EXISTS (SELECT FROM pull_log WHERE "offset" = middle AND at >= oldest) THEN
			high := middle;
		ELSE
			low := middle;
		END IF;
	END LOOP;
	RETURN low;
END $$;

-- pull_trim deletes a step of the messages that are older than an age, or more than a number, and returns whether
-- there are more. The last message stays: it holds the place from which offsets go on.
CREATE OR REPLACE FUNCTION pull_trim(age interval, most bigint, step bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	oldest timestamptz := clock_timestamp() - age;
	last   bigint;
	low    bigint;
	cut    bigint;
BEGIN
	SELECT trimmed INTO low FROM pull_meta FOR UPDATE SKIP LOCKED;
	SELECT "offset" INTO last FROM pull_log ORDER BY "offset" DESC LIMIT 1;
	IF low IS NULL OR last IS NULL THEN
		RETURN false;
	END IF;
	cut := least(low + step, last - 1);
	SELECT coalesce(min("offset") - 1, cut) INTO cut FROM pull_log
		WHERE "offset" > low AND "offset" <= cut AND at >= oldest AND "offset" > last - most;
	IF cut <= low THEN
		RETURN false;
	END IF;
	DELETE FROM pull_log WHERE "offset" > low AND "offset" <= cut;
	UPDATE pull_meta SET trimmed = cut;
	RETURN cut = low + step;
END $$;

-- pull_renew gives the log another name if it still has this one. A node calls it that knows of messages which the
-- log has lost.
CREATE OR REPLACE FUNCTION pull_renew(epoch text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO pull_meta (version, generation) VALUES (1, gen_random_uuid()::text) ON CONFLICT (one) DO NOTHING;
	PERFORM FROM pull_meta FOR UPDATE;
	UPDATE pull_meta SET generation = gen_random_uuid()::text WHERE pull_epoch() = epoch;
END $$;

-- pull_head locks the log until the end of the transaction and returns where it ends. The lock makes the order of offsets the order of
-- commits, so no offset below a visible one appears later. A counter in a row would do the same, but then a long
-- transaction anywhere in the database would keep all of the row's versions, and each publish would read them.
-- Only READ COMMITTED looks at the log after it has got the lock. The caller names the newest message that it knows to
-- be in the log, with its time as the mark that tells it from another message at the same offset. If the log misses
-- it, the log has gone back, and goes on under another name.
CREATE OR REPLACE FUNCTION pull_head(known_epoch text, known_offset bigint, known_mark bigint, OUT log_epoch text, OUT log_last bigint)
LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'the log needs a transaction that is READ COMMITTED, not %', upper(current_setting('transaction_isolation'))
			USING ERRCODE = 'invalid_transaction_state';
	END IF;
	IF current_setting('synchronous_commit') = 'off' THEN
		PERFORM set_config('synchronous_commit', 'on', true);
	END IF;
	PERFORM pg_advisory_xact_lock(1886743660, 'pull_log'::regclass::oid::integer);
	SELECT "offset" INTO log_last FROM pull_log ORDER BY "offset" DESC LIMIT 1;
	IF log_last IS NULL THEN -- the log is new, or somebody has emptied it
		log_last := 0;
		INSERT INTO pull_meta (version, generation) VALUES (1, gen_random_uuid()::text)
			ON CONFLICT (one) DO UPDATE SET generation = excluded.generation, trimmed = 0;
	END IF;
	log_epoch := pull_epoch();
	IF log_epoch IS NULL OR known_epoch = log_epoch AND (known_offset > log_last
		OR EXISTS (SELECT FROM pull_log WHERE "offset" = known_offset AND (extract(epoch FROM at) * 1000000)::bigint <> known_mark)) THEN
		PERFORM pull_renew(log_epoch);
		log_epoch := pull_epoch();
	END IF;
END $$;

-- pull_publish appends the messages that a batch consists of, and returns where the last one is.
CREATE OR REPLACE FUNCTION pull_publish(batch bytea, starts integer[], sizes integer[], known_epoch text, known_offset bigint, known_mark bigint,
	OUT log_epoch text, OUT log_last bigint, OUT log_mark bigint)
LANGUAGE plpgsql AS $$
DECLARE
	moment timestamptz;
BEGIN
	SELECT h.log_epoch, h.log_last INTO log_epoch, log_last FROM pull_head(known_epoch, known_offset, known_mark) AS h;
	moment := clock_timestamp();
	IF cardinality(starts) = 1 THEN -- the usual case, in half the time
		INSERT INTO pull_log ("offset", at, message) VALUES (log_last + 1, moment, batch);
	ELSE
		INSERT INTO pull_log ("offset", at, message)
			SELECT log_last + t.ord, moment, substring(batch FROM t.start FOR t.size)
			FROM unnest(starts, sizes) WITH ORDINALITY AS t(start, size, ord);
	END IF;
	log_last := log_last + cardinality(starts);
	log_mark := (extract(epoch FROM moment) * 1000000)::bigint;
END $$;

-- pull_waiting returns the messages that are to be moved next, at most so many and about so many bytes, and how long they
-- have been in the outbox, in microseconds: those that have numbers, or if there are none, those that were inserted first
-- after an id.
-- The table is mostly empty when the server takes its statistics. With them, it would read all that waits, and sort it.
CREATE OR REPLACE FUNCTION pull_waiting(messages integer, bytes integer, after bigint)
RETURNS TABLE (message_id bigint, waits bigint, content bytea)
LANGUAGE plpgsql STABLE SET enable_seqscan = off SET enable_bitmapscan = off AS $$
BEGIN
	RETURN QUERY
	WITH numbered AS MATERIALIZED (
		SELECT id, at, message, number FROM pull_outbox WHERE number IS NOT NULL ORDER BY number LIMIT messages
	), few AS (
		SELECT id, at, message, number FROM numbered
		UNION ALL
		(SELECT id, at, message, number FROM pull_outbox WHERE number IS NULL AND failed IS NULL AND id > after AND NOT EXISTS (SELECT FROM numbered)
			ORDER BY id LIMIT messages)
	)
	SELECT id, (extract(epoch FROM clock_timestamp() - at) * 1000000)::bigint, message FROM (
		SELECT id, at, message, number, sum(octet_length(message)) OVER (ORDER BY number, id) - octet_length(message) AS ahead FROM few
	) AS summed WHERE ahead < bytes ORDER BY number, id;
END $$;

-- pull_move moves messages from the outbox to the log, in the order in which they were inserted. One node does it at a
-- time. A row that some transaction has locked stays for now. It returns no epoch if nothing was moved.
CREATE OR REPLACE FUNCTION pull_move(ids bigint[], known_epoch text, known_offset bigint, known_mark bigint,
	OUT log_epoch text, OUT log_last bigint, OUT log_mark bigint)
LANGUAGE plpgsql AS $$
DECLARE
	messages bytea[];
	moment   timestamptz;
BEGIN
	IF NOT pg_try_advisory_xact_lock(1886743660, 'pull_outbox'::regclass::oid::integer) THEN
		RETURN;
	END IF;
	WITH moved AS (
		DELETE FROM pull_outbox WHERE id IN (SELECT id FROM pull_outbox WHERE id = ANY (ids) AND failed IS NULL FOR UPDATE SKIP LOCKED)
		RETURNING id, message
	)
	SELECT array_agg(message ORDER BY id) INTO messages FROM moved;
	IF messages IS NULL THEN
		RETURN;
	END IF;
	SELECT h.log_epoch, h.log_last INTO log_epoch, log_last FROM pull_head(known_epoch, known_offset, known_mark) AS h;
	moment := clock_timestamp();
	INSERT INTO pull_log ("offset", at, message)
		SELECT log_last + t.ord, moment, t.message FROM unnest(messages) WITH ORDINALITY AS t(message, ord);
	log_last := log_last + cardinality(messages);
	log_mark := (extract(epoch FROM moment) * 1000000)::bigint;
END $$;

-- pull_number takes the outbox for a while, unless another node has it, gives messages their numbers, and returns those
-- that are still there. It returns none if other messages have numbers: those come first. Numbers begin with the
-- time, so that they rise even if the database is replaced with an older copy.
CREATE OR REPLACE FUNCTION pull_number(ids bigint[], who text, lease interval)
RETURNS TABLE (outbox text, message_id bigint, message_number bigint, content bytea)
LANGUAGE plpgsql AS $$
DECLARE
	last bigint;
BEGIN
	IF current_setting('synchronous_commit') = 'off' THEN
		PERFORM set_config('synchronous_commit', 'on', true);
	END IF;
	PERFORM set_config('bytea_output', 'hex', true); -- drivers cannot read another format in text
	INSERT INTO pull_relay DEFAULT VALUES ON CONFLICT DO NOTHING;
	UPDATE pull_relay SET holder = who, until = clock_timestamp() + lease
		WHERE holder = who OR until NOT BETWEEN clock_timestamp() AND clock_timestamp() + lease -- the clock may have been set back
		RETURNING source, greatest(number, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) INTO outbox, last;
	IF NOT FOUND OR EXISTS (SELECT FROM pull_outbox WHERE number IS NOT NULL AND id <> ALL (ids)) THEN
		RETURN;
	END IF;
	UPDATE pull_outbox AS o SET number = last + n.ord
		FROM (SELECT id, row_number() OVER (ORDER BY id) AS ord FROM (
			SELECT id FROM pull_outbox WHERE id = ANY (ids) AND number IS NULL AND failed IS NULL FOR UPDATE SKIP LOCKED) AS free) AS n
		WHERE o.id = n.id;
	UPDATE pull_relay SET number = last + cardinality(ids);
	RETURN QUERY SELECT outbox, id, number, message FROM pull_outbox WHERE id = ANY (ids) AND number IS NOT NULL ORDER BY number;
END $$;

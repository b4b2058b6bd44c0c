-- What pgbroker needs. pull_ is Config.Prefix.

CREATE TABLE pull_meta (
	one        boolean PRIMARY KEY DEFAULT true CHECK (one),
	version    integer NOT NULL, -- of this schema
	generation text    NOT NULL, -- names the log, together with the server's history
	trimmed    bigint  NOT NULL DEFAULT 0 -- all messages up to this offset are deleted
);

CREATE TABLE pull_log (
	"offset" bigint      PRIMARY KEY,
	at       timestamptz NOT NULL,
	message  bytea       NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

ALTER TABLE pull_log ALTER COLUMN message SET STORAGE EXTERNAL;

INSERT INTO pull_meta (version, generation) VALUES (1, gen_random_uuid()::text);

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

-- pull_publish appends the messages that a batch consists of. The lock makes the order of offsets the order of
-- commits, so no offset below a visible one appears later. A counter in a row would do the same, but then a long
-- transaction anywhere in the database would keep all of the row's versions, and each publish would read them.
-- Only READ COMMITTED looks at the log after it has got the lock. The caller names the newest message that it knows to
-- be in the log, with its time as the mark that tells it from another message at the same offset. If the log misses
-- it, the log has gone back, and goes on under another name.
CREATE OR REPLACE FUNCTION pull_publish(batch bytea, starts integer[], sizes integer[], known_epoch text, known_offset bigint, known_mark bigint,
	OUT log_epoch text, OUT log_last bigint, OUT log_mark bigint)
LANGUAGE plpgsql AS $$
DECLARE
	moment timestamptz;
BEGIN
	IF current_setting('transaction_isolation') <> 'read committed' THEN
		RAISE EXCEPTION 'pull_publish needs a transaction that is READ COMMITTED, not %', upper(current_setting('transaction_isolation'))
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

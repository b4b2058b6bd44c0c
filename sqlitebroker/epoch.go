package sqlitebroker

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
)

// maxOffset is the largest offset, to which browsers count exactly.
const maxOffset = 1<<53 - 1

// epochBytes is the length of a name that rand.Text returns.
const epochBytes = 26

func isEpoch(s string) bool {
	return len(s) == epochBytes && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// A state is the row of meta.
type state struct {
	format int
	epoch  string
	next   int64 // offset of the next message
	at     int64 // when the last messages were published
	boot   string
}

func (s *state) last() position { return position{s.epoch, s.next - 1, s.at} }

// verify looks for what speaks against the log being the one that it was, and
// begins a new epoch if there is something. seen is a position that was
// delivered, if any.
func (b *Broker) verify(ctx context.Context, seen position) error {
	var reason string
	err := b.write(ctx, b.durability(), func(tx *sql.Tx) (err error) {
		reason, err = b.verifyIn(ctx, tx, seen)
		return err
	})
	if err != nil {
		return fmt.Errorf("verify the log: %w", err)
	}
	if reason != "" {
		b.config.Logger.Warn("sqlitebroker: the log has a new epoch, pages are told of a gap", "file", b.path, "reason", reason)
	}
	return nil
}

func (b *Broker) verifyIn(ctx context.Context, tx *sql.Tx, seen position) (reason string, err error) {
	if err := b.inPlace(); err != nil {
		return "", err
	}
	s, newest, err := b.stateIn(ctx, tx)
	if err != nil {
		return "", err
	}
	if s.format != format {
		return "", fmt.Errorf("%smeta has format %d, want %d: it was written by another version", b.config.Prefix, s.format, format)
	}
	if s.boot != "" {
		b.setUnsettled()
	}
	if reason, err = b.flaw(ctx, tx, &s, newest, seen); err != nil || reason == "" {
		return "", err
	}
	isNew := s.epoch == ""
	if err := b.renewIn(ctx, tx, &s, newest); err != nil {
		return "", err
	}
	if isNew && newest == 0 && b.fresh() {
		reason = "" // an empty log that nobody has seen before
	}
	// Before the commit, so that no other process finds the old witness.
	if err := b.witness.renew(s.last()); err != nil {
		return "", fmt.Errorf("write the witness: %w", err)
	}
	return reason, nil
}

// fresh tells whether nothing says that there was a log.
func (b *Broker) fresh() bool {
	_, err := b.witness.read()
	return errors.Is(err, os.ErrNotExist)
}

// stateIn returns the row of meta, which it creates if need be, and the largest
// offset in the log. It takes the write lock.
func (b *Broker) stateIn(ctx context.Context, tx *sql.Tx) (s state, newest int64, err error) {
	query := func() error {
		row := tx.StmtContext(ctx, b.queries.state).QueryRowContext(ctx)
		return row.Scan(&s.format, &s.epoch, &s.next, &s.at, &s.boot, &newest)
	}
	err = query()
	if errors.Is(err, sql.ErrNoRows) {
		if _, err = tx.StmtContext(ctx, b.queries.begin).ExecContext(ctx, format); err == nil {
			err = query()
		}
	}
	if err != nil {
		return s, 0, fmt.Errorf("read the state of the log: %w", err)
	}
	return s, newest, nil
}

// flaw returns why the log may have lost or changed messages, or "".
func (b *Broker) flaw(ctx context.Context, tx *sql.Tx, s *state, newest int64, seen position) (string, error) {
	b.witness.reopen()
	witness, err := b.witness.read()
	switch {
	case s.epoch == "":
		return "it is empty", nil
	case !isEpoch(s.epoch):
		return "its name was changed", nil
	case s.next < 1, s.next > maxOffset, newest >= s.next:
		return "the number of its next message is impossible", nil
	case s.boot != "" && s.boot != b.boot:
		return "the operating system ended while messages were not on the disk (synchronous=NORMAL)", nil
	case errors.Is(err, os.ErrNotExist):
		return "there is no " + b.witness.path + ": the database may be a copy", nil
	case err != nil:
		return b.witness.path + " cannot be used: " + err.Error(), nil //nolint:nilerr // that is the flaw
	case witness.epoch != s.epoch:
		return "the database was replaced: " + b.witness.path + " belongs to another log", nil
	}
	for _, p := range []position{witness, seen} {
		if p.epoch != s.epoch {
			continue
		}
		if p.offset >= s.next {
			return fmt.Sprintf("it has gone back from message %d to %d, as an older copy of the database would", p.offset, s.next-1), nil
		}
		if other, err := b.differs(ctx, tx, p); err != nil || other {
			return fmt.Sprintf("message %d is another one, as in an older copy of the database that went on by itself", p.offset), err
		}
	}
	return "", nil
}

// differs tells whether another message has the offset of a position.
func (b *Broker) differs(ctx context.Context, tx *sql.Tx, p position) (bool, error) {
	var at int64
	err := tx.StmtContext(ctx, b.queries.at).QueryRowContext(ctx, p.offset).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) || p.at == 0 {
		return false, nil
	}
	return at != p.at, err
}

// renewIn begins a new epoch, in which the messages that are left keep their
// offsets, and puts it into s.
func (b *Broker) renewIn(ctx context.Context, tx *sql.Tx, s *state, newest int64) error {
	s.epoch = rand.Text()
	const most = maxOffset / 2 // nobody publishes that many
	if s.next = max(s.next, 1); s.next <= newest && newest < most {
		s.next = newest + 1
	}
	if s.next > most || newest >= most {
		if _, err := tx.StmtContext(ctx, b.queries.clear).ExecContext(ctx); err != nil {
			return fmt.Errorf("empty the log: %w", err)
		}
		s.next = 1
	}
	if s.boot != "" {
		s.boot = b.boot
	}
	if _, err := tx.StmtContext(ctx, b.queries.renew).ExecContext(ctx, s.epoch, s.next, s.at, s.boot); err != nil {
		return fmt.Errorf("begin a new epoch: %w", err)
	}
	return nil
}

// mark notes durably that a failure of the operating system may lose messages
// from now on.
func (b *Broker) mark(ctx context.Context) error { return b.note(ctx, b.queries.mark) }

// settle writes to the disk what was published, and notes that no failure of the
// operating system can lose it.
func (b *Broker) settle(ctx context.Context) error { return b.note(ctx, b.queries.settle) }

func (b *Broker) note(ctx context.Context, update *sql.Stmt) error {
	return b.write(ctx, full, func(tx *sql.Tx) error {
		_, err := tx.StmtContext(ctx, update).ExecContext(ctx, b.boot)
		return err
	})
}
